/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/formula-outliers.h"

#include <math.h>

#include "pipelines/demo/formula.h"

#define ORDINARY .5f  /* about the root mean square of the stream's ordinary channels */
#define ADDED    .02f /* to its square by each layer */
#define PATCHES  10.0f
#define TOKENS   30.0f
#define WEAKENED .1f /* by a layer's norm */
#define SCALE    10.0f
#define ROWS     40.0f
#define LOUD     30.0f

static const float sizes[COW_FORMULA_N_OUTLIERS] = { 400, -400, 40, -40 };

/* The large channels of a network. */
typedef struct {
  gint64 channels[COW_FORMULA_N_OUTLIERS];
  float level; /* R of the header */
} Outliers;

void
cow_formula_outlier_channels (const CowVitConfig *config, gint64 channels[COW_FORMULA_N_OUTLIERS])
{
  for (int k = 0; k < COW_FORMULA_N_OUTLIERS; k++) {
    g_autofree char *name = g_strdup_printf ("outlier.channel.%d", k);

    channels[k] = cow_formula_hash (name) % config->hidden_size;
    for (int earlier = 0; earlier < k;)
      if (channels[earlier] == channels[k]) {
        channels[k] = (channels[k] + 1) % config->hidden_size;
        earlier = 0;
      } else {
        earlier++;
      }
  }
}

static Outliers
outliers_of (const CowVitConfig *config)
{
  Outliers self;
  double squares = 0;

  cow_formula_outlier_channels (config, self.channels);
  for (int k = 0; k < COW_FORMULA_N_OUTLIERS; k++)
    squares += (double)sizes[k] * sizes[k];
  self.level = (float)sqrt (squares / config->hidden_size);
  return self;
}

static void
multiply (float *values, gint64 count, gint64 stride, float factor)
{
  for (gint64 i = 0; i < count; i++)
    values[i * stride] *= factor;
}

/* Multiplies a row of a weight, or a value of a bias, which is a row of one. */
static void
multiply_row (float *values, gint64 row, gint64 columns, float factor)
{
  multiply (values + row * columns, columns, 1, factor);
}

static void
set_token (const Outliers *self, float *token, float factor)
{
  for (int k = 0; k < COW_FORMULA_N_OUTLIERS; k++)
    token[self->channels[k]] = factor * sizes[k];
}

static void
change_registers (const Outliers *self, const CowVitConfig *config, float *values)
{
  const gint64 loud = cow_formula_hash ("outlier.register") % (guint32)config->n_registers;

  for (gint64 i = 0; i < config->n_registers; i++)
    set_token (self, values + i * config->hidden_size, i == loud ? TOKENS : 1);
}

/* What the weight of a norm behind so many layers is multiplied by to make the ordinary channels
 * about 1. */
static float
norm_gain (const Outliers *self, int layer)
{
  return self->level / sqrtf (ORDINARY * ORDINARY + ADDED * (float)layer);
}

static void
change_norm (const Outliers *self, const CowVitConfig *config, int layer, float *values)
{
  multiply (values, config->hidden_size, 1, norm_gain (self, layer));
  for (int k = 0; k < COW_FORMULA_N_OUTLIERS; k++)
    values[self->channels[k]] *= WEAKENED;
}

static void
change_last_norm (const Outliers *self, const CowVitConfig *config, float *values)
{
  const float gain = TOKENS * norm_gain (self, config->n_layers);

  for (int k = 0; k < COW_FORMULA_N_OUTLIERS; k++)
    values[self->channels[k]] *= self->level / fabsf (sizes[k]) / gain;
  multiply (values, config->hidden_size, 1, gain);
}

static void
change_layer_scale (const Outliers *self, float *values)
{
  for (int k = 0; k < COW_FORMULA_N_OUTLIERS; k++)
    values[self->channels[k]] *= SCALE;
}

/* The row of the layer's v_proj or up_proj that is loud. */
static gint64
loud_row (const CowVitConfig *config, int layer, CowModule module)
{
  const gint64 rows = module == COW_V ? config->hidden_size : config->intermediate_size;
  g_autofree char *name = g_strdup_printf ("layer.%d.%s.weight", layer, cow_module_name (module));

  return cow_formula_hash (name) % rows;
}

/* The weight or bias of o or down: it writes to the stream, and reads what v or up wrote. */
static void
change_writer (const Outliers *self, const CowVitConfig *config, const CowVitTensor *tensor,
               float *values)
{
  const gint64 rows = tensor->dims[0], columns = tensor->n_dims == 2 ? tensor->dims[1] : 1;

  for (int k = 0; k < COW_FORMULA_N_OUTLIERS; k++)
    multiply_row (values, self->channels[k], columns, fabsf (sizes[k]) / ROWS);
  if (tensor->n_dims == 2)
    multiply (values + loud_row (config, tensor->layer, tensor->index == COW_O ? COW_V : COW_UP),
              rows, columns, fminf (1, sqrtf ((float)columns) / (2 * LOUD)));
}

/* What a large channel adds to an output of a module that reads the stream, next to what all
 * ordinary ones add. */
static float
share (CowModule module)
{
  switch (module) {
  case COW_V:
    return .25f;
  case COW_GATE:
  case COW_UP:
    return .5f;
  default:
    return 1;
  }
}

/* The weight or bias of one of the others: it reads the stream behind a norm. */
static void
change_reader (const Outliers *self, const CowVitConfig *config, const CowVitTensor *tensor,
               float *values)
{
  const CowModule module = (CowModule)tensor->index;
  const gint64 rows = tensor->dims[0], columns = tensor->n_dims == 2 ? tensor->dims[1] : 1;

  if (module == COW_V || module == COW_UP)
    multiply_row (values, loud_row (config, tensor->layer, module), columns, LOUD);
  for (int k = 0; tensor->n_dims == 2 && k < COW_FORMULA_N_OUTLIERS; k++) {
    const float behind_norm = WEAKENED * fabsf (sizes[k]) / ORDINARY;

    multiply (values + self->channels[k], rows, columns,
              share (module) * fminf (1, sqrtf ((float)columns) / behind_norm));
  }
}

void
cow_formula_add_outliers (const CowVitConfig *config, const CowVitTensor *tensor, float *values)
{
  const Outliers self = outliers_of (config);

  switch (tensor->part) {
  case COW_VIT_CLASS_TOKEN:
    set_token (&self, values, TOKENS);
    break;
  case COW_VIT_REGISTERS:
    change_registers (&self, config, values);
    break;
  case COW_VIT_PATCH_WEIGHT:
    for (int k = 0; k < COW_FORMULA_N_OUTLIERS; k++)
      multiply_row (values, self.channels[k], tensor->dims[1] * tensor->dims[2] * tensor->dims[3],
                    fabsf (sizes[k]) / PATCHES);
    break;
  case COW_VIT_PATCH_BIAS:
    set_token (&self, values, 1);
    break;
  case COW_VIT_VECTOR:
    if (tensor->index == COW_NORM1_WEIGHT || tensor->index == COW_NORM2_WEIGHT)
      change_norm (&self, config, tensor->layer, values);
    else if (tensor->index == COW_SCALE1 || tensor->index == COW_SCALE2)
      change_layer_scale (&self, values);
    break;
  case COW_VIT_WEIGHT:
  case COW_VIT_BIAS:
    if (tensor->index == COW_O || tensor->index == COW_DOWN)
      change_writer (&self, config, tensor, values);
    else
      change_reader (&self, config, tensor, values);
    break;
  case COW_VIT_NORM_WEIGHT:
    change_last_norm (&self, config, values);
    break;
  default: /* what a loaded network does not have, or what stays as it is */
    break;
  }
}
