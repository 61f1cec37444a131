/* SPDX-License-Identifier: MIT */
#include "trainer/eval/report-page.h"

#include <string.h>

#include "cow-build.h"
#include "trainer/eval/html.h"
#include "trainer/eval/report-style.h"

/* ---- figures --------------------------------------------------------------------------------- */

/* As an image, so that what its SVG defines cannot meet what another's does. */
static gboolean
append_image (GString *html, const PlotFigure *figure, const PlotTheme *theme, const char *before,
              const char *after, GError **error)
{
  g_autofree char *svg = plot_figure_svg (figure, theme, error);
  if (!svg)
    return FALSE;
  g_autofree char *data = g_base64_encode ((const guchar *)svg, strlen (svg));
  g_string_append_printf (html, "%sdata:image/svg+xml;base64,%s%s", before, data, after);
  return TRUE;
}

static gboolean
append_figure (GString *html, const PlotFigure *figure, GError **error)
{
  g_string_append_printf (html, "<figure style=\"--w:%.0f\"><picture>", figure->width);
  if (!append_image (html, figure, &plot_dark,
                     "<source media=\"(prefers-color-scheme:dark)\" srcset=\"", "\">", error))
    return FALSE;
  g_string_append_printf (html, "<img width=\"%.0f\" height=\"%.0f\" alt=\"", figure->width,
                          figure->height);
  html_text (html, figure->title);
  g_string_append (html, ". ");
  html_text (html, figure->subtitle);
  if (!append_image (html, figure, &plot_light, "\" src=\"", "\">", error))
    return FALSE;
  g_string_append (html, "</picture></figure>\n");
  return TRUE;
}

gboolean
report_page_figures (GString *html, const GPtrArray *figures, const char *const *names,
                     GError **error)
{
  g_string_append (html, "<div class=\"figures\">\n");
  for (; *names; names++)
    for (guint i = 0; i < figures->len; i++) {
      const PlotFigure *figure = figures->pdata[i];
      if (g_str_equal (figure->name, *names) && !append_figure (html, figure, error))
        return FALSE;
    }
  g_string_append (html, "</div>\n");
  return TRUE;
}

/* ---- the top --------------------------------------------------------------------------------- */

GString *
report_page_new (const char *title)
{
  /* The policy makes a browser refuse whatever is not in this file. */
  static const char head[] =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src "
      "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n";
  GString *html = g_string_new (head);

  html_tag (html, "title", title);
  g_string_append_printf (html, "\n<style>%s</style>\n</head>\n<body>\n<main>\n", report_style);
  return html;
}

void
report_page_title (GString *html, const char *adapter)
{
  g_autofree char *name = adapter ? g_path_get_basename (adapter) : g_strdup ("adapter");
  g_autofree char *parent = adapter ? g_path_get_dirname (adapter) : g_strdup (".");
  g_autofree char *run = g_path_get_basename (parent);
  /* "best" alone says nothing: a run's folder belongs to its name. */
  g_autofree char *title = g_str_equal (run, ".") || g_str_equal (run, "/")
                               ? g_strdup (name)
                               : g_strdup_printf ("%s/%s", run, name);

  g_string_append (html, "<p class=\"muted\">Evaluation</p>\n");
  html_tag (html, "h1", title);
}

void
report_page_fact (GString *html, const char *name, const char *value)
{
  if (!value)
    return;
  g_string_append_printf (html, "<li>%s: ", name);
  html_text (html, value);
  g_string_append (html, "</li>\n");
}

void
report_page_card (GString *html, const char *name, const char *value)
{
  g_string_append_printf (html, "<div class=\"card\"><b>%s</b><span>%s</span></div>\n", value,
                          name);
}

void
report_page_warnings (GString *html, const GPtrArray *warnings)
{
  if (warnings->len == 0)
    return;
  g_string_append (html, "<div class=\"warn\"><b>Before you believe these numbers</b><ul>\n");
  for (guint i = 0; i < warnings->len; i++)
    html_tag (html, "li", warnings->pdata[i]);
  g_string_append (html, "</ul></div>\n");
}

char *
report_page_end (GString *html, const char *files)
{
  g_string_append_printf (html,
                          "<footer>Made by cow-trainer " COW_VERSION
                          ". Beside this file: %s, and every figure as PNG and "
                          "SVG.</footer>\n</main>\n</body>\n</html>\n",
                          files);
  return g_string_free (html, FALSE);
}
