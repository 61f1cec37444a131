/* SPDX-License-Identifier: MIT */
/* Work of a stream that is recorded when it comes the second time, as a CUDA graph. */
#ifndef CK_CUDA_REPLAY_STATE_H
#define CK_CUDA_REPLAY_STATE_H

#include "kernels/cuda/driver.h"

#define CK_CUDA_REPLAYS 64 /* keys that a stream remembers */

typedef struct {
  uint64_t key;
  uint64_t generation; /* of memory and weights when the work was enqueued last */
  bool known;          /* it was enqueued in that generation */
  bool refused;        /* it cannot be recorded */
  bool may_fail;       /* its kernels look for a failure, and may leave one */
  CkCuGraphExec *exec; /* or NULL */
} CkCudaReplay;

typedef struct {
  CkCudaReplay all[CK_CUDA_REPLAYS];
  int next;              /* which gives way to a new key */
  CkCudaReplay *current; /* between ck_replay_begin () and ck_replay_end () */
  bool records, broken;  /* what is enqueued now; until something came that cannot be recorded */
  uint64_t generation;   /* how often the stream's memory changed */
} CkCudaReplays;

#endif /* CK_CUDA_REPLAY_STATE_H */
