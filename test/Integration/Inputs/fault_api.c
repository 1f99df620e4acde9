/* Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
   See LICENSE for license information.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

   Makes every allocation and every call of the file system in libtern_rt fail
   in turn, while a model is loaded and invoked, trained, saved and resumed.

     LD_PRELOAD=fault.so fault_api MODEL.so TRAIN.so FOLDER [STRIDE]

   A call that fails says so in one line, is then made again without a fault,
   and in the end everything is as if nothing had happened: results and files,
   bit for bit, and the open descriptors. Calls that are interrupted or do half
   of what they were asked for must not be noticed at all. With STRIDE only
   every STRIDE-th call fails. Prints `N of M`. */
#define _GNU_SOURCE
#include "tern/runtime/Trainer.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WIDTH = 17, CLASSES = 5, ROWS = 7 };
enum { ALLOC = 1, FULL, IO, SHORT, EINTR_ONCE };
static const char *const kindNames[] = {"",     "allocation", "no more memory",
                                        "file", "short",      "interrupted"};

static void (*arm)(int kind, long at, int code);
static long (*disarm)(const char **name);

static const char *modelPath, *trainPath;
static char checkpoint[4096], profile[4096];

/* What the steps work on. */
static TernProgram *program;
static TernTrainer *trainer;
static float x[ROWS * WIDTH];
static int64_t labels[ROWS];

/* Everything that a run computes. */
struct Results {
  int64_t extents[2];
  float few[3 * CLASSES], many[ROWS * CLASSES], logits[ROWS * CLASSES];
  float loss[6];
  long numFiles;
  long profileSize, checkpointSize;
  char checkpoint[1 << 16];
};
static struct Results now, expected;

static DLTensor floats(float *data, int64_t *shape) {
  return (DLTensor){data, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, NULL, 0};
}

static TernStatus invoke(int64_t rows, float *y) {
  int64_t inShape[] = {rows, WIDTH}, outShape[] = {rows, CLASSES};
  DLTensor in = floats(x, inShape), out = floats(y, outShape);
  const DLTensor *inputs[] = {&in}, *outputs[] = {&out};
  return tern_program_invoke(program, inputs, 1, outputs, 1);
}

static TernStatus load(void) {
  TernProgramOptions options = {sizeof(options), NULL, 1,
                                TERN_LOAD_VERIFY_WEIGHTS};
  return tern_program_load(modelPath, &options, &program);
}
static TernStatus askShapes(void) {
  int64_t shape[] = {3, WIDTH};
  DLTensor in = floats(x, shape);
  const DLTensor *inputs[] = {&in};
  return tern_program_output_shapes(program, inputs, 1, now.extents, 2);
}
static TernStatus invokeFew(void) { return invoke(3, now.few); }
static TernStatus takeThreads(void) {
  return tern_program_set_num_threads(program, 3);
}
static TernStatus beginProfile(void) {
  return tern_program_profile_begin(program);
}
static TernStatus invokeMany(void) { return invoke(ROWS, now.many); }
static TernStatus endProfile(void) {
  return tern_program_profile_end(program, profile);
}
static TernStatus destroy(void) {
  tern_program_destroy(program);
  program = NULL;
  return TERN_OK;
}

static TernStatus trainStep(float *loss) {
  int64_t shape[] = {ROWS, WIDTH};
  DLTensor in = floats(x, shape);
  DLTensor y = {labels, {kDLCPU, 0}, 1, {kDLInt, 64, 1}, shape, NULL, 0};
  const DLTensor *inputs[] = {&in, &y};
  return tern_trainer_train_step(trainer, inputs, 2, loss);
}

static TernStatus loadTrainer(void) {
  TernProgramOptions options = {sizeof(options), NULL, 2, 0};
  return tern_trainer_load(trainPath, &options, &trainer);
}
static TernStatus init(void) { return tern_trainer_init(trainer); }
static TernStatus setRate(void) {
  return tern_trainer_set_scalar(trainer, "lr", 0.01);
}
static TernStatus step0(void) { return trainStep(&now.loss[0]); }
static TernStatus step1(void) { return trainStep(&now.loss[1]); }
static TernStatus step2(void) { return trainStep(&now.loss[2]); }
static TernStatus step3(void) { return trainStep(&now.loss[3]); }
static TernStatus save(void) {
  const char *const keys[] = {"seed"}, *const values[] = {"7"};
  return tern_trainer_save(trainer, checkpoint, keys, values, 1);
}
static TernStatus restore(void) {
  TernStatus status = tern_trainer_restore(trainer, checkpoint);
  if (status == TERN_OK &&
      strcmp(tern_trainer_metadata(trainer, "seed"), "7") != 0)
    return TERN_INTERNAL_ERROR;
  return status;
}
static TernStatus evaluate(void) {
  int64_t shape[] = {ROWS, WIDTH}, outShape[] = {ROWS, CLASSES};
  DLTensor in = floats(x, shape), out = floats(now.logits, outShape);
  DLTensor y = {labels, {kDLCPU, 0}, 1, {kDLInt, 64, 1}, shape, NULL, 0};
  const DLTensor *inputs[] = {&in, &y}, *outputs[] = {&out};
  return tern_trainer_eval_step(trainer, inputs, 2, &now.loss[4], outputs, 1);
}
static TernStatus beginTraceOfTraining(void) {
  return tern_trainer_profile_begin(trainer);
}
static TernStatus endTraceOfTraining(void) {
  return tern_trainer_profile_end(trainer, profile);
}
static TernStatus destroyTrainer(void) {
  tern_trainer_destroy(trainer);
  trainer = NULL;
  return TERN_OK;
}

static const struct Step {
  const char *name;
  TernStatus (*run)(void);
} steps[] = {
    {"load", load},
    {"shapes", askShapes},
    {"invoke", invokeFew},
    {"threads", takeThreads},
    {"begin profile", beginProfile},
    {"invoke again", invokeMany},
    {"end profile", endProfile},
    {"destroy", destroy},
    {"load trainer", loadTrainer},
    {"init", init},
    {"set", setRate},
    {"step", step0},
    {"save", save},
    {"step 1", step1},
    {"restore", restore},
    {"step 1 again", step2},
    {"evaluate", evaluate},
    {"begin profile", beginTraceOfTraining},
    {"end profile", endTraceOfTraining},
    {"save again", save},
    {"step 2", step3},
    {"destroy trainer", destroyTrainer},
};

/* By the system's calls: those of the library would be made to fail. */
static long readFile(const char *path, char *data, long size) {
  long file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
  if (file < 0)
    return -1;
  long length = syscall(SYS_read, file, data, size);
  syscall(SYS_close, file);
  return length;
}

static long countFiles(const char *path) {
  DIR *folder = opendir(path);
  long number = 0;
  while (folder && readdir(folder))
    ++number;
  if (folder)
    closedir(folder);
  return number;
}

/* Runs all steps with a fault; 0 if it did not come to it. */
static int run(int kind, long at, int code, long *good) {
  static char before[sizeof(now.checkpoint)], after[sizeof(now.checkpoint)];
  const char *failedIn = "nothing", *name = "";
  char problem[512] = "";
  long calls = 0;
  memset(&now, 0, sizeof(now));
  long files = countFiles("/proc/self/fd");
  arm(kind, at, code);
  for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !*problem; ++i) {
    int saves = steps[i].run == save;
    long sizeBefore = saves ? readFile(checkpoint, before, sizeof(before)) : 0;
    TernStatus status = steps[i].run();
    if (status == TERN_OK)
      continue;
    failedIn = steps[i].name;
    if (kind == FULL)
      calls = disarm(&name);
    char message[400];
    snprintf(message, sizeof(message), "%s", tern_last_error());
    if (kind >= SHORT || !*message || strchr(message, '\n') ||
        status == TERN_INTERNAL_ERROR)
      snprintf(problem, sizeof(problem), "status %d, %s", status, message);
    /* A checkpoint is the old one or the new one. */
    long sizeAfter = saves ? readFile(checkpoint, after, sizeof(after)) : 0;
    status = steps[i].run();
    if (status != TERN_OK)
      snprintf(problem, sizeof(problem), "%s; again: status %d, %s", message,
               status, tern_last_error());
    else if (saves && (sizeBefore != sizeAfter ||
                       memcmp(before, after, (size_t)sizeBefore) != 0)) {
      long size = readFile(checkpoint, before, sizeof(before));
      if (size != sizeAfter || memcmp(before, after, (size_t)size) != 0)
        snprintf(problem, sizeof(problem), "a broken checkpoint is left");
    }
  }
  if (!calls)
    calls = disarm(&name);
  /* A descriptor that cannot be told from another's is left alone. */
  now.numFiles =
      strcmp(name, "fstat") == 0 ? 0 : countFiles("/proc/self/fd") - files;
  now.checkpointSize =
      readFile(checkpoint, now.checkpoint, sizeof(now.checkpoint));
  static char text[1 << 16];
  now.profileSize = readFile(profile, text, sizeof(text)) > 0;
  if (!at) {
    expected = now;
    if (*problem)
      printf("without a fault, %s: %s\n", failedIn, problem);
    return *problem ? 0 : (int)calls;
  }
  if (!*name)
    return 0;
  if (!*problem && memcmp(&now, &expected, sizeof(now)) != 0)
    snprintf(problem, sizeof(problem), "%s",
             now.numFiles ? "descriptors stay open"
             : now.checkpointSize != expected.checkpointSize ||
                     memcmp(now.checkpoint, expected.checkpoint,
                            sizeof(now.checkpoint)) != 0
                 ? "another checkpoint"
                 : "other results");
  if (*problem)
    printf("%s %ld (%s), failed in %s: %s\n", kindNames[kind], at, name,
           failedIn, problem);
  else
    ++*good;
  tern_program_destroy(program);
  tern_trainer_destroy(trainer);
  program = NULL;
  trainer = NULL;
  return 1;
}

int main(int argc, char **argv) {
  *(void **)&arm = dlsym(RTLD_DEFAULT, "fault_arm");
  *(void **)&disarm = dlsym(RTLD_DEFAULT, "fault_disarm");
  if (argc < 4 || !arm || !disarm) {
    fprintf(stderr,
            "usage: LD_PRELOAD=fault.so %s MODEL.so TRAIN.so FOLDER "
            "[STRIDE]\n",
            argv[0]);
    return 2;
  }
  /* Of what is found nothing is lost when a fault ends the process. */
  setvbuf(stdout, NULL, _IOLBF, 0);
  modelPath = argv[1];
  trainPath = argv[2];
  snprintf(checkpoint, sizeof(checkpoint), "%s/checkpoint.safetensors",
           argv[3]);
  snprintf(profile, sizeof(profile), "%s/profile.json", argv[3]);
  long stride = argc > 4 ? atol(argv[4]) : 1;
  for (int i = 0; i < ROWS * WIDTH; ++i)
    x[i] = (float)((i * 37 + 11) % 101) / 50 - 1;
  for (int i = 0; i < ROWS; ++i)
    labels[i] = i % CLASSES;

  long total = 0, good = 0;
  static const struct {
    int kind, code;
  } faults[] = {{ALLOC, ENOMEM},    {FULL, ENOMEM}, {IO, EIO},
                {IO, ENOSPC},       {IO, EMFILE},   {SHORT, 0},
                {EINTR_ONCE, EINTR}};
  for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); ++i) {
    int kind = faults[i].kind;
    /* The first run makes what later ones find there. */
    run(kind, 0, 0, &good);
    long calls = run(kind, 0, 0, &good), here = 0;
    for (long at = 1; run(kind, at, faults[i].code, &good); at += stride)
      ++here;
    printf("%s calls, %s: %ld, %ld of them made to fail\n", kindNames[kind],
           strerror(faults[i].code), calls, here);
    if (!here)
      return 1;
    total += here;
  }
  printf("%ld of %ld faults in the runtime did no harm\n", good, total);
  return good == total ? 0 : 1;
}
