/* SPDX-License-Identifier: MIT */
/*
 * cow-formula-model: writes a DINOv3 of any of its sizes, and an adapter for it, with weights from
 * a formula. It serves to try the whole chain, its speed and its memory without downloading gated
 * weights. The labels that such a network gives mean nothing.
 */
#include <glib.h>
#include <stdlib.h>

#include "model/files/error.h"
#include "pipelines/demo/formula-folder.h"

#define DEFAULT_RANK         16
#define DEFAULT_PICTURE_SIZE 224

typedef struct {
  int layers, shards, rank, picture_size;
  gboolean nf4, outliers, dora, head;
  char *adapter, *targets;
} Options;

static gboolean
parse (int *argc, char ***argv, Options *options, GError **error)
{
  g_autofree char *names = g_strjoinv (", ", (char **)cow_vit_size_names);
  g_autofree char *summary = g_strdup_printf (
      "Writes a DINOv3 model folder with weights from a formula.\nSIZE: %s", names);
  const GOptionEntry entries[] = {
    { "layers", 0, 0, G_OPTION_ARG_INT, &options->layers, "The first N layers only", "N" },
    { "nf4", 0, 0, G_OPTION_ARG_NONE, &options->nf4,
      "Quantise the linear layers to NF4, as bitsandbytes does", NULL },
    { "outliers", 0, 0, G_OPTION_ARG_NONE, &options->outliers,
      "Give a few channels and tokens values up to 1000 times the others', as trained networks "
      "have",
      NULL },
    { "shards", 0, 0, G_OPTION_ARG_INT, &options->shards, "Spread the tensors over N files (1)",
      "N" },
    { "adapter", 0, 0, G_OPTION_ARG_FILENAME, &options->adapter, "Write an adapter folder too",
      "DIR" },
    { "rank", 0, 0, G_OPTION_ARG_INT, &options->rank, "Rank of the adapter (16)", "R" },
    { "targets", 0, 0, G_OPTION_ARG_STRING, &options->targets,
      "Layers that it adapts: q_proj (the default) or all-linear", "WHICH" },
    { "dora", 0, 0, G_OPTION_ARG_NONE, &options->dora, "DoRA instead of LoRA", NULL },
    { "head", 0, 0, G_OPTION_ARG_NONE, &options->head,
      "Give the adapter a head for the nine behaviours, and cowbehavior.json", NULL },
    { "size", 0, 0, G_OPTION_ARG_INT, &options->picture_size,
      "Side of the pictures that cowbehavior.json asks for, px (224)", "PX" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("SIZE FOLDER");

  g_option_context_set_summary (context, summary);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc == 3)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "%d arguments, expected two, SIZE and FOLDER; see --help", *argc - 1);
  return FALSE;
}

static gboolean
choose (const char *size, const Options *options, CowVitConfig *config, GError **error)
{
  if (!cow_vit_config_of_size (size, config)) {
    g_autofree char *names = g_strjoinv (", ", (char **)cow_vit_size_names);

    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "size \"%s\" is unknown, expected one of %s",
                 size, names);
    return FALSE;
  }
  if (options->layers < 0 || options->layers > config->n_layers) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "--layers %d: %s has 1 to %d",
                 options->layers, size, config->n_layers);
    return FALSE;
  }
  if (options->layers > 0)
    config->n_layers = options->layers;
  if (g_strcmp0 (options->targets, "q_proj") != 0 &&
      g_strcmp0 (options->targets, "all-linear") != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "--targets \"%s\", expected q_proj or all-linear", options->targets);
    return FALSE;
  }
  return TRUE;
}

static gboolean
run (int argc, char **argv, Options *options, GError **error)
{
  CowVitConfig config;

  if (!parse (&argc, &argv, options, error) || !choose (argv[1], options, &config, error))
    return FALSE;
  CowFormulaModel model = { .nf4 = options->nf4,
                            .outliers = options->outliers,
                            .n_shards = (guint)MAX (options->shards, 0) };
  CowFormulaAdapter adapter = {
    .base = argv[1],
    .rank = options->rank,
    .dora = options->dora,
    .all_linear = g_str_equal (options->targets, "all-linear"),
    .head = options->head,
    .picture_size = options->picture_size,
  };
  return cow_formula_write_model (argv[2], &config, &model, error) &&
         (options->adapter == NULL ||
          cow_formula_write_adapter (options->adapter, &config, &adapter, error));
}

int
main (int argc, char **argv)
{
  Options options = { .shards = 1,
                      .rank = DEFAULT_RANK,
                      .picture_size = DEFAULT_PICTURE_SIZE,
                      .targets = g_strdup ("q_proj") };
  g_autoptr (GError) error = NULL;
  gboolean done = run (argc, argv, &options, &error);

  if (!done)
    g_printerr ("cow-formula-model: %s\n", error->message);
  g_free (options.adapter);
  g_free (options.targets);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
