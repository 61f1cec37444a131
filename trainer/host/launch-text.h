/* SPDX-License-Identifier: MIT */
/* Pipelines as text, as gst-launch-1.0 and gst_parse_launch () read it. */
#ifndef COW_TRAINER_LAUNCH_TEXT_H
#define COW_TRAINER_LAUNCH_TEXT_H

#include <glib.h>

G_BEGIN_DECLS

/* Appends NAME="VALUE", whatever characters the value has. */
void launch_append_property (GString *text, const char *name, const char *value);

G_END_DECLS

#endif
