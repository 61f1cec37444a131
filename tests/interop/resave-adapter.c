/* SPDX-License-Identifier: MIT */
/* resave-adapter MODEL ADAPTER OUT: reads an adapter as the element does and writes it as the
 * trainer does, for check_interop.py. */
#include "model/adapter/adapter.h"

static gboolean
resave (const char *model, const char *adapter_folder, const char *out, GError **error)
{
  CowVitConfig config;
  if (!cow_vit_config_read (model, &config, error))
    return FALSE;
  g_autoptr (CowAdapter) adapter = cow_adapter_read (adapter_folder, &config, error);
  return adapter != NULL && cow_adapter_write (adapter, out, error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  if (argc != 4) {
    g_printerr ("usage: resave-adapter MODEL ADAPTER OUT\n");
    return 2;
  }
  if (resave (argv[1], argv[2], argv[3], &error))
    return 0;
  g_printerr ("%s\n", error->message);
  return 1;
}
