//===- StopSignals.h - Requests to end a run -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_STOPSIGNALS_H
#define TERN_RUNTIME_STOPSIGNALS_H

namespace tern::runtime {

/// Before there is anything to save, signals end the process at once. The
/// system does that by itself, except for process 1 of a container, which would
/// not notice them.
void endOnSignals();

/// From here on SIGINT, SIGTERM and SIGHUP are requests; of the latter two only
/// if they were not ignored when the process began, as nohup has it. A second
/// SIGINT or SIGTERM ends the process at once; SIGHUP comes more than once when
/// a terminal closes. Writing to a pipe that nobody reads is an error from here
/// on, not the end.
void catchStopSignals();

bool isStopRequested();

} // namespace tern::runtime

#endif // TERN_RUNTIME_STOPSIGNALS_H
