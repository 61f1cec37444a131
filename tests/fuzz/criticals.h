/* SPDX-License-Identifier: MIT */
/* GLib's critical messages, by which a library says that it was called with nonsense. */
#ifndef COW_TEST_FUZZ_CRITICALS_H
#define COW_TEST_FUZZ_CRITICALS_H

/* From now on each of them ends the program as a failed assertion does: libFuzzer does not see the
 * signal that GLib itself has for it. */
void fuzz_abort_at_criticals (void);

#endif
