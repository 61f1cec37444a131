/* SPDX-License-Identifier: MIT */
/* How many threads this process may keep busy. */
#ifndef CK_CPU_PROCESSORS_H
#define CK_CPU_PROCESSORS_H

/*
 * The threads of a team whose size nobody chose: OMP_NUM_THREADS of the environment where that is a
 * number from 1 to `most`, since users know it from other programs; else the processors of this
 * process's affinity mask, or fewer where its control group has a smaller quota. From 1 to `most`.
 */
int ck_processors (int most);

/*
 * The time of processors that the control groups of a process grant it, in processors: 1.5 is 150
 * ms in 100 ms. It is the smallest quota from the process's own group up to the root of the
 * hierarchy that is mounted here, of version 2 (cpu.max) and of version 1 (cpu.cfs_quota_us and
 * cpu.cfs_period_us). `proc` is the process's folder in /proc. INFINITY: there is none, or it
 * cannot be read.
 */
double ck_processors_quota (const char *proc);

#endif /* CK_CPU_PROCESSORS_H */
