/* SPDX-License-Identifier: MIT */
/* Tests of devices and streams, whatever they compute. */
#ifndef CHECK_DEVICES_H
#define CHECK_DEVICES_H

/* Names, levels, what is refused. */
void check_devices (void);
/* Order, failures, events, copies and threads on the device of this name. */
void check_streams (const char *device);
/* That test-device ends who breaks the contract. */
void check_test_device (void);

#endif /* CHECK_DEVICES_H */
