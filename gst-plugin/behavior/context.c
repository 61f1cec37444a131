/* SPDX-License-Identifier: MIT */
#include "gst-plugin/behavior/context.h"

#include "cow-build.h"

struct _GstCowContext {
  GstElement *element;
#ifdef COW_HAVE_GST_CUDA
  GMutex wrapping;
  GWeakRef wrapped; /* GstCudaContext that neighbours were told of; made under the lock above it */
  GMutex lock;
  gboolean over; /* under the lock */
#endif
};

#ifdef COW_HAVE_GST_CUDA
#  define GST_USE_UNSTABLE_API
#  include <gst/cuda/gstcudaloader.h>
#  include <gst/cuda/gstcudautils.h>
#  include <string.h>

#  include "gst-plugin/behavior/nvml.h"
#  include "kernels/cuda/driver.h"
#  include "model/network/device.h"

#  define SHARED "cowbehavior-shared"
/* How long the error waits for the Xid, which the driver tells a moment later than CUDA does. */
#  define XID_MS 100

/* What belongs to a context that neighbours have, and goes with it. */
typedef struct {
  CkDevice *device;
  GstCowNvml *nvml; /* NULL where nothing is known */
} Shared;

static void
shared_free (Shared *self)
{
  gst_cow_nvml_free (self->nvml);
  ck_device_close (self->device);
  g_free (self);
}

/* The CUDA driver and NVML count GPUs in different orders, and agree on places. */
static GstCowNvml *
watch (CUdevice gpu)
{
  gint bus, device, domain;
  g_autofree gchar *pci = NULL;

  if (CuDeviceGetAttribute (&domain, (CUdevice_attribute)CK_CU_PCI_DOMAIN, gpu) != CUDA_SUCCESS ||
      CuDeviceGetAttribute (&bus, (CUdevice_attribute)CK_CU_PCI_BUS, gpu) != CUDA_SUCCESS ||
      CuDeviceGetAttribute (&device, (CUdevice_attribute)CK_CU_PCI_DEVICE, gpu) != CUDA_SUCCESS)
    return NULL;
  pci = g_strdup_printf ("%04x:%02x:%02x.0", (guint)domain, (guint)bus, (guint)device);
  return gst_cow_nvml_new (pci);
}

/* A context for others around that of a device, which it closes at its end; NULL: not a GPU. */
static GstCudaContext *
wrap_device (const char *name)
{
  CkDevice *device = cow_device_open (name, 0, NULL);
  GstCudaContext *context = NULL;
  Shared *shared;

  if (device && device->native && gst_cuda_load_library ())
    context = gst_cuda_context_new_wrapped (device->native, (CUdevice)device->ordinal);
  if (!context) {
    ck_device_close (device);
    return NULL;
  }
  shared = g_new (Shared, 1);
  *shared = (Shared){ device, watch ((CUdevice)device->ordinal) };
  g_object_set_data_full (G_OBJECT (context), SHARED, shared, (GDestroyNotify)shared_free);
  return context;
}

GstCowContext *
gst_cow_context_new (GstElement *element)
{
  GstCowContext *self = g_new0 (GstCowContext, 1);

  self->element = element;
  g_mutex_init (&self->wrapping);
  g_weak_ref_init (&self->wrapped, NULL);
  g_mutex_init (&self->lock);
  return self;
}

void
gst_cow_context_free (GstCowContext *self)
{
  g_weak_ref_clear (&self->wrapped);
  g_mutex_clear (&self->wrapping);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
gst_cow_context_start (GstCowContext *self)
{
  g_mutex_lock (&self->lock);
  self->over = FALSE;
  g_mutex_unlock (&self->lock);
}

/* Pads are asked from several threads at once, and all must be told of the same context. */
static GstCudaContext *
take_wrapped (GstCowContext *self, const char *device_name)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->wrapping);
  GstCudaContext *wrapped = g_weak_ref_get (&self->wrapped);

  if (!wrapped) {
    wrapped = wrap_device (device_name);
    g_weak_ref_set (&self->wrapped, wrapped);
  }
  return wrapped;
}

gboolean
gst_cow_context_answer (GstCowContext *self, GstQuery *query, const char *device_name)
{
  GstCudaContext *wrapped;
  const gchar *type;
  gboolean answered;

  gst_query_parse_context_type (query, &type);
  if (!g_str_equal (type, GST_CUDA_CONTEXT_TYPE))
    return FALSE;
  wrapped = take_wrapped (self, device_name);
  answered = wrapped && gst_cuda_handle_context_query (self->element, query, wrapped);
  gst_clear_object (&wrapped);
  return answered;
}

/* ---- its loss -------------------------------------------------------------------------------- */

/* Asks the driver, because the failure may be one that others had. */
static gboolean
ask_state (const Shared *shared, CkDeviceState *state)
{
  ck_device_free_bytes (shared->device);
  return ck_device_state (shared->device, state) && state->is_lost;
}

static void
post_loss (GstCowContext *self, const Shared *shared, const CkDeviceState *state, const char *why)
{
  g_autofree gchar *known = shared->nvml ? gst_cow_nvml_describe (shared->nvml, XID_MS) : NULL;
  const char *named = strstr (why, "CUDA_ERROR_");
  g_autofree gchar *failure =
      named ? g_strndup (named, strcspn (named, ")")) : g_strdup (state->failure);

  GST_ELEMENT_ERROR (self->element, RESOURCE, FAILED,
                     ("%s has failed: %s%s%s%s. Other elements of this pipeline share its CUDA "
                      "context, which is lost, so the pipeline has to be made anew",
                      state->model, failure, known ? " (NVML: " : "", known ? known : "",
                      known ? ")" : ""),
                     ("%s", why));
}

/* Who comes second waits until the error is posted, so that it comes before those of others who
 * see the flow end. */
gboolean
gst_cow_context_is_lost (GstCowContext *self, const char *why)
{
  GstCudaContext *wrapped = g_weak_ref_get (&self->wrapped);
  const Shared *shared = wrapped ? g_object_get_data (G_OBJECT (wrapped), SHARED) : NULL;
  CkDeviceState state;
  const gboolean lost = shared && ask_state (shared, &state);

  if (lost) {
    g_mutex_lock (&self->lock);
    if (!self->over)
      post_loss (self, shared, &state, why);
    self->over = TRUE;
    g_mutex_unlock (&self->lock);
  }
  gst_clear_object (&wrapped);
  return lost;
}

gboolean
gst_cow_context_is_over (GstCowContext *self)
{
  gboolean over;

  g_mutex_lock (&self->lock);
  over = self->over;
  g_mutex_unlock (&self->lock);
  return over;
}

#else

GstCowContext *
gst_cow_context_new (GstElement *element)
{
  GstCowContext *self = g_new (GstCowContext, 1);

  self->element = element;
  return self;
}

void
gst_cow_context_free (GstCowContext *self)
{
  g_free (self);
}

void
gst_cow_context_start (GstCowContext *self)
{
}

gboolean
gst_cow_context_answer (GstCowContext *self, GstQuery *query, const char *device_name)
{
  return FALSE;
}

gboolean
gst_cow_context_is_lost (GstCowContext *self, const char *why)
{
  return FALSE;
}

gboolean
gst_cow_context_is_over (GstCowContext *self)
{
  return FALSE;
}

#endif
