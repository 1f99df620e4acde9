// Calls a training artifact as a device that has recorded a call does: the
// function, the buffers, the extents and the scratch memory of one step, again
// and again, with nothing changed but the contents of the block of scalars.
//
//   replay X.so STEPS
//
// STEPS lists lr and length of each step. Two trainers take them: one by
// ordinary calls, one by an ordinary first call, which is recorded, and repeats
// of it. Their losses and states must be equal, bit for bit. That the runtime
// itself gives every ordinary call the same pointers is checked, too.

#include <tern/runtime/Trainer.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { maxBuffers = 64, maxSteps = 1000, rows = 64, columns = 17 };

typedef struct {
  const TernHost *host;
  void *buffers[maxBuffers];
  const int64_t *dims;
  void *arena;
} Call;

static const TernFunction *step;
static size_t numBuffers;
/// Of the trainer that is running.
static Call *recorded;
static int numRecorded, numMoved;

static int32_t record(const TernHost *host, void *const *buffers,
                      const int64_t *dims, void *const *arenas) {
  Call call = {host, {0}, dims, arenas[0]};
  memcpy(call.buffers, buffers, numBuffers * sizeof(*buffers));
  if (numRecorded++ == 0)
    *recorded = call;
  else
    numMoved += memcmp(recorded, &call, sizeof(call)) != 0;
  return step->invoke(host, buffers, dims, arenas);
}

static void check(TernStatus status) {
  if (status == TERN_OK)
    return;
  fprintf(stderr, "error: %s\n", tern_last_error());
  exit(1);
}

/// The artifact, with train_step's calls recorded.
static TernArtifact intercept(const TernArtifact *model) {
  static const TernFunction *functions[8];
  static TernFunction recording;
  TernArtifact artifact = *model;
  for (uint64_t i = 0; i < model->num_functions; ++i) {
    functions[i] = model->functions[i];
    if (strcmp(functions[i]->name, "train_step"))
      continue;
    step = functions[i];
    recording = *step;
    recording.invoke = record;
    functions[i] = &recording;
  }
  artifact.functions = functions;
  return artifact;
}

static TernTrainer *load(const TernArtifact *artifact, const char *weights) {
  TernTrainer *trainer;
  TernProgramOptions options = {sizeof(options), weights, 1, 0, NULL, NULL, 0};
  check(tern_trainer_link(artifact, &options, &trainer));
  check(tern_trainer_init(trainer));
  return trainer;
}

/// Where the cell of a scalar is among the buffers of train_step: behind the
/// two inputs, in the order of the function's scalars, which the caller knows.
static void *cell(const Call *call, int scalar) {
  return call->buffers[2 + scalar];
}

int main(int argc, char **argv) {
  if (argc != 6)
    return 2;
  // X.so, weights, file of inputs, file of steps, places of lr, step and length
  // among the scalars, and how many buffers there are.
  int lr, count, length, scalars;
  if (sscanf(argv[5], "%d,%d,%d,%d,%zu", &lr, &count, &length, &scalars,
             &numBuffers) != 5 ||
      numBuffers > maxBuffers)
    return 2;
  void *library = dlopen(argv[1], RTLD_NOW);
  const TernArtifact *(*getModel)(void) =
      library ? (const TernArtifact *(*)(void))dlsym(library, "tern_model")
              : NULL;
  if (!getModel) {
    fprintf(stderr, "error: %s\n", dlerror());
    return 1;
  }
  static float x[rows * columns];
  int64_t label = 3, xShape[] = {rows, columns}, labelShape[] = {1};
  FILE *file = fopen(argv[3], "rb");
  if (!file || fread(x, sizeof(x), 1, file) != 1)
    return 2;
  fclose(file);
  DLTensor xs = {x, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, xShape, NULL, 0};
  DLTensor labels = {&label,     {kDLCPU, 0}, 1, {kDLInt, 64, 1},
                     labelShape, NULL,        0};
  const DLTensor *inputs[] = {&xs, &labels};
  static float rates[maxSteps], losses[maxSteps];
  static int64_t lengths[maxSteps];
  int steps = 0;
  file = fopen(argv[4], "r");
  while (file && steps < maxSteps &&
         fscanf(file, "%f %ld", &rates[steps], &lengths[steps]) == 2)
    ++steps;

  TernArtifact artifact = intercept(getModel());
  Call first, repeated;
  recorded = &first;
  TernTrainer *ordinary = load(&artifact, argv[2]);
  for (int i = 0; i < steps; ++i) {
    check(tern_trainer_set_scalar(ordinary, "lr", rates[i]));
    check(tern_trainer_set_scalar(ordinary, "length", (double)lengths[i]));
    check(tern_trainer_train_step(ordinary, inputs, 2, &losses[i]));
  }

  recorded = &repeated;
  numRecorded = 0;
  TernTrainer *repeating = load(&artifact, argv[2]);
  float loss;
  check(tern_trainer_set_scalar(repeating, "lr", rates[0]));
  check(tern_trainer_set_scalar(repeating, "length", (double)lengths[0]));
  check(tern_trainer_train_step(repeating, inputs, 2, &loss));
  // The scalars are one block of cells of 8 bytes.
  for (int i = 1; i < scalars; ++i)
    if ((char *)cell(&repeated, i) != (char *)cell(&repeated, 0) + 8 * i)
      return fprintf(stderr, "error: scalar %d is not in the block\n", i), 1;
  int different = loss != losses[0];
  const float *lossOut = repeated.buffers[numBuffers - 2];
  for (int i = 1; i < steps; ++i) {
    *(float *)cell(&repeated, lr) = rates[i];
    *(int64_t *)cell(&repeated, count) = i + 1;
    *(int64_t *)cell(&repeated, length) = lengths[i];
    int32_t status = step->invoke(repeated.host, repeated.buffers,
                                  repeated.dims, &repeated.arena);
    if (status)
      return fprintf(stderr, "error: step %d returned %d\n", i, status), 1;
    different += memcmp(lossOut, &losses[i], sizeof(float)) != 0;
  }
  size_t numStates = tern_trainer_num_state(ordinary);
  for (size_t i = 0; i < numStates; ++i) {
    TernStateInfo a, b;
    check(tern_trainer_state(ordinary, i, &a));
    check(tern_trainer_state(repeating, i, &b));
    size_t bytes = a.tensor.dtype.bits / 8;
    for (int axis = 0; axis < a.tensor.ndim; ++axis)
      bytes *= (size_t)a.tensor.shape[axis];
    different += memcmp(a.tensor.data, b.tensor.data, bytes) != 0;
  }
  // What is out of bounds runs nothing, for any host.
  *(int64_t *)cell(&repeated, length) = rows + 1;
  int32_t refused = step->invoke(repeated.host, repeated.buffers, repeated.dims,
                                 &repeated.arena);
  printf("%d steps, losses %g to %g, %zu tensors of state: %d differences, %d "
         "calls "
         "with other pointers, length %d returns %d\n",
         steps, losses[0], losses[steps - 1], numStates, different, numMoved,
         rows + 1, refused);
  tern_trainer_destroy(ordinary);
  tern_trainer_destroy(repeating);
  return different != 0 || numMoved != 0 || refused != 1;
}
