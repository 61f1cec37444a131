/* SPDX-License-Identifier: MIT */
/*
 * The one place that knows what programs put around a network's names: modules that hold it
 * ("module.", "_orig_mod.", "backbone.", "base_model.model."), and dictionaries that hold its
 * tensors beside others ("teacher", "state_dict"). Models, adapters and heads are read through it.
 */
#ifndef COW_TENSOR_NAMES_H
#define COW_TENSOR_NAMES_H

#include <glib.h>

G_BEGIN_DECLS

/*
 * A name without its wrappers: those that only pass calls on ("_orig_mod", ...) wherever they are,
 * modules that hold a network ("model", "backbone", "teacher", ...) where they stand first. At
 * least the last part stays. Free with g_free.
 */
char *cow_name_unwrap (const char *name);

/* A name without the wrappers that only pass calls on. Free with g_free. */
char *cow_name_drop_transparent (const char *name);

/*
 * Where in `names` [n] a network lies: what stands before the name of its first layer, with the dot
 * ("teacher.backbone."). Of several, a teacher's or averaged one goes before the others, as for
 * those who publish them, and a student's comes last; two that are equally good are both in
 * *other. NULL: there is none. Free both with g_free.
 */
char *cow_names_find_network (const char *const *names, guint n, char **other);

/* What all names [n] begin with: whole parts and a dot, or "". At least the last part of each
 * stays; "weight" and "bias" are never taken. Free with g_free. */
char *cow_names_common (const char *const *names, guint n);

G_END_DECLS

#endif
