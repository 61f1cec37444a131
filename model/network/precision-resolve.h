/* SPDX-License-Identifier: MIT */
/*
 * What precision=auto stands for where a network is opened to be used: what somebody has measured
 * (precision-choice.h), and where nobody has on this kind of processor, what the pictures that the
 * adapter keeps (adapter/kept-pictures.h) tell now, if that takes little time. The result is kept
 * beside the weights, and for this process. All functions are safe from any thread; one at a time
 * measures.
 */
#ifndef COW_PRECISION_RESOLVE_H
#define COW_PRECISION_RESOLVE_H

#include "model/network/classifier.h"

G_BEGIN_DECLS

/* How long measuring may take, in seconds of the clock; a pass that has begun comes to its end. */
#define COW_PRECISION_BUDGET_S 5.0

/*
 * Puts what auto stands for in the place of auto; clear *choice, which the options then borrow
 * from. It may take as long as the network to load a few times, and the budget: not for a streaming
 * thread. choice->tried_now tells the first who asks in a process that it was measured, or that
 * there was no time for it; `warning` that the result cannot be kept, or the pictures are damaged.
 */
void cow_precision_resolve (CowClassifierOptions *options, CowPrecisionChoice *choice);
/* The same with another budget: for tests. */
void cow_precision_resolve_within (CowClassifierOptions *options, double seconds,
                                   CowPrecisionChoice *choice);

G_END_DECLS

#endif
