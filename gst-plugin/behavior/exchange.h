/* SPDX-License-Identifier: MIT */
/* Loads another adapter in a thread while the stream runs on. All functions are safe from any
 * thread unless they say otherwise. */
#ifndef GST_COW_EXCHANGE_H
#define GST_COW_EXCHANGE_H

#include <glib.h>

#include "model/engine/engine.h"
#include "model/network/precision-choice.h"

G_BEGIN_DECLS

typedef struct _GstCowExchange GstCowExchange;

/* Called in the loading thread, or the requesting one where no thread starts, when an adapter is
 * loaded or cannot be: `engine` (a reference for the callee) or `error` is set, `adapter` is the
 * requested one, and `choice` what its precision stands for. */
typedef void (*GstCowExchangeDone) (gpointer user_data, const char *adapter,
                                    const CowPrecisionChoice *choice, CowEngine *engine,
                                    const GError *error);

GstCowExchange *gst_cow_exchange_new (GstCowExchangeDone done, gpointer user_data);
/* Waits for the loading thread first. */
void gst_cow_exchange_free (GstCowExchange *self);
/* Begins to load. Of the requests that come while another one is being loaded only the last is
 * loaded, after it. */
void gst_cow_exchange_request (GstCowExchange *self, const CowClassifierOptions *options);
/* Waits for the loading thread and forgets requests; until the next request nothing is called back.
 * It may not be called from the callback. */
void gst_cow_exchange_stop (GstCowExchange *self);

G_END_DECLS

#endif
