/* SPDX-License-Identifier: MIT */
/*
 * What NVIDIA's management library (NVML, libnvidia-ml) knows of a GPU that has failed: the last
 * Xid, a number by which the driver's log names each fault, and whether the GPU still answers. The
 * library is loaded at run time, and nothing depends on it.
 */
#ifndef GST_COW_NVML_H
#define GST_COW_NVML_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct _GstCowNvml GstCowNvml;

/* Listens from now on to the faults of the GPU at a PCI address ("0000:65:00.0"). NULL where the
 * library is not there, or knows no such GPU. */
GstCowNvml *gst_cow_nvml_new (const char *pci);
/* "the last Xid is 79, GPU is lost": waits so long for an Xid at most. NULL where nothing is wrong.
 * Free with g_free (). */
gchar *gst_cow_nvml_describe (GstCowNvml *self, guint wait_ms);
void gst_cow_nvml_free (GstCowNvml *self);

G_END_DECLS

#endif
