#!/usr/bin/env python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a run of training writes, and what ends it: names, locks, full disks,
signals, as process 1 too. The artifact is fake-train.c, as in train.py.
"""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import time
import unittest
import xml.dom.minidom

import train_case
from train_case import Case, fake, read_safetensors

ENDLESS = ["--steps", 10**9]


def can_be_process_1():
    return subprocess.run(["unshare", "-p", "-f", "true"], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0


def take_signals():
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Runs(Case):
    def setUp(self):
        super().setUp()
        self.running = []
        self.addCleanup(lambda: [p.kill() for p in self.running])

    def begin(self, *arguments, prefix=(), **options):
        tool = options.pop("tool", None)
        # Tests that run under nohup would have trainers ignore SIGHUP, too.
        options.setdefault("preexec_fn", take_signals)
        process = subprocess.Popen(
            [*prefix, *self.command(*self.data, *arguments, tool=tool)],
            cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, **options)
        self.running.append(process)
        return process

    def finish(self, process):
        """What it said, without the progress that takes some seconds."""
        _, errors = process.communicate()
        return "".join(line for line in errors.splitlines(keepends=True)
                       if not line.startswith("step "))

    def wait_for(self, name):
        deadline = time.monotonic() + 300
        while not os.path.exists(self.path(name)):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)

    def wait_for_lock(self, name):
        """Until a run has the file, and its test whether it can write one is
        over."""
        self.wait_for(f".{name}.lock")
        while any(".tmp" in name for name in os.listdir(self.dir)):
            time.sleep(0.005)

    def names(self):
        return {name for name in os.listdir(self.dir)
                if name not in ("x.npy", "y.npy")}


class Checkpoints(Runs):
    def test_chosen_names(self):
        run = [*self.data, "--steps", 3]
        out = self.good(*run)
        self.assertEqual(out.splitlines()[1:],
                         ["the state is in 'fake-train-trained.safetensors'"])
        first = self.read("fake-train-trained.safetensors")
        out = self.good(*run, "--checkpoint-every", 1, "--seed", 1)
        self.assertIn("state is in 'fake-train-trained-2.safetensors'\n", out)
        self.assertEqual(self.read("fake-train-trained.safetensors"), first)
        # A link to nothing is somebody's, as is the name of a best state.
        os.symlink("nothing", self.path("fake-train-trained-3.safetensors"))
        with open(self.path("fake-train-trained-4.best.safetensors"), "w"):
            pass
        out = self.good(*run, "--val-split", 0.2)
        self.assertIn("the state is in 'fake-train-trained-5.safetensors', the "
                      "best in 'fake-train-trained-5.best.safetensors'\n", out)
        self.assertFalse(os.path.exists(self.path("nothing")))
        names = self.names()
        self.assertEqual(len(names), 6, names)
        out = self.good(*run, "--checkpoint=none")
        self.assertNotIn("state is in", out)
        self.assertEqual(self.names(), names)
        for option in ("--resume", "--resume=auto", "--checkpoint-every=1"):
            self.bad(" needs --checkpoint", *run, option, "--checkpoint=none")
        self.bad("--resume needs --checkpoint", *run, "--resume=auto")
        # Nothing was trained, nothing is written.
        self.good(*self.data, "--val", "x.npy", "--val-labels", "y.npy",
                  "--eval-only")
        self.assertEqual(self.names(), names)

    def test_chosen_name_of_an_executable(self):
        os.mkdir(self.path("folder"))
        exe = shutil.copy(fake("fake-train-exe"), self.path("folder/net"))
        weights = ["--weights", fake("fake-train.safetensors")]
        out = self.good(*self.data, *weights, "--steps", 2, tool=exe)
        self.assertIn("the state is in 'net-trained.safetensors'\n", out)
        read_safetensors(self.path("net-trained.safetensors"))

    def test_chosen_name_is_taken_meanwhile(self):
        process = self.begin(*ENDLESS)
        self.wait_for_lock("fake-train-trained.safetensors")
        with open(self.path("fake-train-trained.safetensors"), "w") as file:
            file.write("a user's")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate()
        name = "fake-train-trained-2.safetensors"
        self.assertEqual(process.returncode, 130, errors)
        self.assertIn(f"the state is in '{name}'\n", out)
        self.assertIn(f"; --resume --checkpoint={name} goes on\n", errors)
        self.assertEqual(self.read("fake-train-trained.safetensors"),
                         b"a user's")
        read_safetensors(self.path(name))
        self.assertEqual(len(self.names()), 2)

    def test_one_run_at_a_time(self):
        self.good(*self.data, "--steps", 2, "--checkpoint", "c.safetensors")
        before = self.read("c.safetensors")
        os.symlink("c.safetensors", self.path("link"))
        run = ["--checkpoint", "c.safetensors", "--val-split", 0.2,
               "--eval-every", 10**8]
        first = self.begin(*ENDLESS, *run)
        self.wait_for_lock("c.best.safetensors")
        for name in ("c.safetensors", "link", "c.best.safetensors"):
            for resume in ([], ["--resume=auto"]):
                self.bad(f"another run is writing '{name}'", *self.data,
                         "--steps", 3, "--checkpoint", name, *resume)
        # To read it is nobody's harm.
        self.good("--val", "x.npy", "--val-labels", "y.npy", "--eval-only",
                  "--resume", "--checkpoint", "c.safetensors")
        self.assertEqual(self.read("c.safetensors"), before)
        # The system gives up the lock of a killed process.
        first.kill()
        first.communicate()
        self.assertIn(".c.safetensors.lock", self.names())
        self.good(*self.data, "--steps", 3, *run)
        self.assertNotEqual(self.read("c.safetensors"), before)
        self.assertEqual(self.names(),
                         {"c.safetensors", "link", "c.best.safetensors"})
        # Without names runs do not meet.
        two = [self.begin(*ENDLESS) for _ in range(2)]
        for number in ("", "-2"):
            self.wait_for_lock(f"fake-train-trained{number}.safetensors")
        for process in two:
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            process.communicate()
            self.assertEqual(process.returncode, 130)
        self.assertEqual(len(self.names()), 5)

    def test_inputs_stay(self):
        before = {name: self.read(name) for name in ("x.npy", "y.npy")}
        os.link(self.path("x.npy"), self.path("link.npy"))
        shutil.copy(fake("fake-train-exe"), self.path("exe"))
        shutil.copy(fake("fake-train.safetensors"),
                    self.path("exe.safetensors"))
        run = [*self.data, "--steps", 3]
        for option, name, what in (
                ("--checkpoint", "x.npy", "--data"),
                ("--metrics", "y.npy", "--labels"),
                ("--plot", "link.npy", "--data"),
                ("--profile", "./x.npy", "--data"),
                ("--checkpoint", "exe", "the program"),
                ("--checkpoint", "exe.safetensors", "its initial parameters")):
            self.bad(f"{option}: '{name}' would replace what is read, {what}",
                     *run, option, name, tool=self.path("exe"))
        self.bad("--metrics: './c' is also that of --checkpoint", *run,
                 "--checkpoint", "c", "--metrics", "./c")
        self.bad("'c.best.safetensors' is also that of --plot", *run,
                 "--checkpoint", "c", "--plot", "c.best.safetensors",
                 "--val-split", 0.2)
        self.bad("would replace what is read, --val", *self.data, "--steps", 3,
                 "--val", "x=" + self.save("v.npy", self.x), "--val-labels",
                 "y.npy", "--checkpoint", "v.npy")
        self.assertEqual({name: self.read(name) for name in before}, before)

    def test_long_names(self):
        name = "n" * 241 + ".safetensors"
        self.good(*self.data, "--steps", 2, "--checkpoint", name)
        self.assertEqual(self.names(), {name})

    @unittest.skipUnless(can_be_process_1(), "needs the right to be process 1")
    def test_process_1(self):
        """A container's process is killed while it writes; the next one has
        the same number."""
        run = ["--steps", 250, "--batch", 8, "--lr", 0.01, "--checkpoint"]
        self.good(*self.data, *run, "whole.safetensors")
        kills = 0
        # With a file as an older version of the program left it.
        for name in (".c.safetensors.tmp1.0", ".c.safetensors.tmp1.1"):
            with open(self.path(name), "w") as file:
                file.write("half")
        for attempt in range(100):
            process = self.begin(*run, "c.safetensors", "--resume=auto",
                                 "--checkpoint-every", 1,
                                 prefix=["unshare", "-p", "-f", "--kill-child"])
            if attempt < 6:
                self.wait_for("c.safetensors")
                time.sleep(0.02 * attempt)
                process.kill()
            errors = self.finish(process)
            kills += process.returncode == -signal.SIGKILL
            if "another run" in errors:
                time.sleep(0.1)
            elif process.returncode == 0:
                break
        self.assertGreater(kills, 0)
        self.assertEqual((process.returncode, errors), (0, ""))
        self.assertEqual(self.read("c.safetensors"),
                         self.read("whole.safetensors"))


class Signals(Runs):
    def stop(self, *signals, **options):
        process = self.begin(*ENDLESS, "--checkpoint", "c.safetensors",
                             "--checkpoint-every", 100, **options)
        self.wait_for("c.safetensors")
        for number in signals:
            process.send_signal(number)
        errors = self.finish(process)
        self.assertEqual(process.returncode, 130, errors)
        step = int(errors.split()[3])
        self.assertRegex(errors, r"^stopped at step \d+ of 1000000000; "
                                 r"--resume goes on\n$")
        _, metadata = read_safetensors(self.path("c.safetensors"))
        self.assertEqual(int(metadata["tern_step"]), step)
        self.assertEqual(self.names(), {"c.safetensors"})
        os.unlink(self.path("c.safetensors"))

    def test_all_save(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            self.stop(number)
        # A terminal that closes and its shell both send one.
        self.stop(signal.SIGHUP, signal.SIGHUP, signal.SIGHUP)

    def test_ignored_ones_stay_ignored(self):
        def ignore():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        process = self.begin(*ENDLESS, "--checkpoint", "c.safetensors",
                             "--checkpoint-every", 10, preexec_fn=ignore)
        self.wait_for("c.safetensors")
        for number in (signal.SIGHUP, signal.SIGTERM):
            process.send_signal(number)
        os.unlink(self.path("c.safetensors"))
        self.wait_for("c.safetensors")
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        errors = self.finish(process)
        self.assertEqual(process.returncode, 130, errors)

    @unittest.skipUnless(can_be_process_1(), "needs the right to be process 1")
    def test_process_1(self):
        process = self.begin(*ENDLESS, "--checkpoint", "c.safetensors",
                             "--checkpoint-every", 100,
                             prefix=["unshare", "-p", "-f", "--kill-child"])
        self.wait_for("c.safetensors")
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
            child = int(file.read())
        os.kill(child, signal.SIGTERM)
        errors = self.finish(process)
        self.assertEqual(process.returncode, 130, errors)
        self.assertIn("stopped at step", errors)

    def test_nobody_reads(self):
        read, write = os.pipe()
        os.close(read)
        result = subprocess.run(
            self.command(*self.data, "--val-split", 0.2, "--steps", 40,
                         "--eval-every", 2, "--verbose", "--checkpoint",
                         "c.safetensors"),
            cwd=self.dir, stdout=subprocess.PIPE, stderr=write, check=False)
        os.close(write)
        self.assertEqual(result.returncode, 0)
        _, metadata = read_safetensors(self.path("c.safetensors"))
        self.assertEqual(metadata["tern_step"], "40")


class FullDisk(Runs):
    """A limit of files' sizes stands for it."""

    def check_warnings(self, result, *names):
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(
            result.stderr.splitlines(),
            [f"warning: cannot write '{name}': File too large; the run goes on "
             "without" for name in names])

    def test_logs(self):
        run = [*self.data, "--batch", 8, "--val-split", 0.2, "--eval-every", 3,
               "--lr", 0.01, "--checkpoint", "c.safetensors"]
        self.good(*run, "--steps", 100)
        expected = self.read("c.safetensors")
        limit = len(expected) + 200
        logs = ["--metrics", "m.jsonl", "--plot", "p.svg"]
        result = self.run_tool(*run, "--steps", 100, *logs, limit=limit)
        self.check_warnings(result, "m.jsonl", "p.svg")
        self.assertEqual(self.read("c.safetensors"), expected)
        # What was written is whole.
        lines = self.read("m.jsonl").decode()
        self.assertTrue(0 < len(lines) <= limit and lines.endswith("\n"))
        self.assertGreater(len([json.loads(l) for l in lines.splitlines()]), 3)
        self.assertEqual(self.names(), {"c.safetensors", "c.best.safetensors",
                                        "m.jsonl"})
        # Where even the old lines have no room they stay.
        self.good(*run, "--steps", 100, *logs)
        before = self.read("m.jsonl")
        self.good(*run, "--steps", 110, "--resume")
        expected = self.read("c.safetensors")
        self.good(*run, "--steps", 100)
        result = self.run_tool(*run, "--steps", 110, "--resume", "--metrics",
                               "m.jsonl", limit=limit)
        self.check_warnings(result, "m.jsonl")
        self.assertEqual(self.read("m.jsonl"), before)
        self.assertEqual(self.read("c.safetensors"), expected)
        xml.dom.minidom.parse(self.path("p.svg"))

    def test_names_are_still_checked(self):
        run = [*self.data, "--steps", 3, "--checkpoint=none"]
        os.mkdir(self.path("folder.png"))
        for option, name in (("--metrics", "no/log.jsonl"),
                             ("--metrics", "no/log.csv"),
                             ("--metrics", "no/log/"),
                             ("--plot", "no/log.svg"),
                             ("--plot", "no/log.png")):
            self.bad(f"cannot write '{name}': No such file", *run, option,
                     name)
        self.bad("it is not a regular file", *run, "--plot", "folder.png")
        for name in ("log", "log.json", "log.svg"):
            self.bad(f"--metrics: cannot tell the format of '{name}': give a "
                     "name with .jsonl or .csv, or a folder", *run,
                     "--metrics", name)
        for name in ("log", "log.jpg", "."):
            self.bad(f"--plot: cannot tell the format of '{name}': give a name "
                     "with .svg or .png", *run, "--plot", name)

    def test_formats(self):
        """The same numbers as lines, as a table and for TensorBoard."""
        run = [*self.data, "--steps", 4, "--val-split", 0.2, "--eval-every",
               2, "--checkpoint=none"]
        self.good(*run, "--metrics", "m.jsonl", "--plot", "p.svg")
        self.good(*run, "--metrics", "m.csv", "--plot", "p.png")
        os.mkdir(self.path("board"))
        for name in ("board", "board/"):
            self.good(*run, "--metrics", name)
        lines = [json.loads(line)
                 for line in self.read("m.jsonl").decode().splitlines()]
        rows = list(csv.DictReader(
            io.StringIO(self.read("m.csv").decode(), newline="")))
        times = ("seconds", "items_per_second")
        self.assertEqual(
            [{k: v for k, v in line.items() if k not in times}
             for line in lines],
            [{k: float(v) for k, v in row.items() if v and k not in times}
             for row in rows])
        self.assertEqual(self.read("p.png")[:8], b"\x89PNG\r\n\x1a\n")
        names = os.listdir(self.path("board"))
        self.assertEqual(len(names), 2)
        for name in names:
            self.assertRegex(name, r"^events\.out\.tfevents\.\d{10}\.")
            data = self.read("board/" + name)
            self.assertIn(b"brain.Event:2", data)
            self.assertEqual(data.count(b"\x0a\x04loss\x15"), 4)
            self.assertEqual(data.count(b"val_loss"), 2)


if __name__ == "__main__":
    train_case.main()
