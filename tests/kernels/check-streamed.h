/* SPDX-License-Identifier: MIT */
/* check-cuda's tests of weights that are streamed. */
#ifndef CHECK_STREAMED_H
#define CHECK_STREAMED_H

/* On an emulated GPU. */
void check_streamed (const char *device);

#endif /* CHECK_STREAMED_H */
