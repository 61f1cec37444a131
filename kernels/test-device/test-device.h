/* SPDX-License-Identifier: MIT */
/*
 * A device for tests that behaves as badly as the contract allows: the CPU's operations on memory
 * that callers cannot touch, computed as late as possible. What works on it does not count on the
 * CPU's habits. Built with -Dtests=true only.
 *
 *  - Device memory is mapped twice. Callers get an alias without access, so that the host's touch
 * is a SIGSEGV; the queue computes through the other mapping. (mprotect () is of the whole process,
 *    so one mapping could not be forbidden to one thread and open to another.)
 *  - Fresh memory is full of NaN; memory that went back is gone.
 *  - Work runs only when somebody waits: ck_synchronize (), ck_download (), ck_event_synchronize
 * (), ck_stream_reset (), ck_stream_free (), or a stream that runs and reaches a ck_stream_wait ().
 *    It runs in the thread that waits.
 *  - An operation that is given memory of the host, or memory that went back, ends the process with
 *    a message where it is enqueued; so does a weight that goes while work waits for it.
 */
#ifndef CK_TEST_DEVICE_H
#define CK_TEST_DEVICE_H

#include "kernels/kernels.h"

/* ck_device_open () for "test"; the options are those of "cpu". It keeps the name "cpu" where the
 * environment puts it in the CPU's place. */
CkStatus ck_test_device_open (const char *name, const CkDeviceOptions *options, CkDevice **device);

#endif /* CK_TEST_DEVICE_H */
