/* SPDX-License-Identifier: MIT */
/* The CPU as a device. */
#ifndef CK_DEVICE_CPU_H
#define CK_DEVICE_CPU_H

#include "kernels/kernels.h"

/* ck_device_open () for "cpu". */
CkStatus ck_cpu_device_open (const char *name, const CkDeviceOptions *options, CkDevice **device);

#endif /* CK_DEVICE_CPU_H */
