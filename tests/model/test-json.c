/* SPDX-License-Identifier: MIT */
/* JSON exactly as RFC 8259 has it, and names as a terminal may be given them. */
#include <math.h>
#include <string.h>

#include "model/files/json-check.h"
#include "model/files/json-object.h"
#include "model/files/printable.h"
#include "tests/model/written.h"

#define V(value) "{\"v\":" value "}"

/* ---- what is JSON ---------------------------------------------------------------------------- */

static const char *const good[] = {
  "{}",
  " {\t}\r\n",
  V ("[]"),
  V ("[[],{}]"),
  V ("0"),
  V ("-0"),
  V ("-1"),
  V ("9223372036854775807"),
  V ("-9223372036854775808"),
  V ("0.5"),
  V ("-0.5e+10"),
  V ("1E5"),
  V ("1e-05"),
  V ("0e0"),
  V ("1.7976931348623157e308"),
  V ("1e-400"),
  V ("true"),
  V ("[false,null]"),
  V ("\"\""),
  V ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""),
  V ("\"\\ud83d\\udc04 \xf0\x9f\x90\x84\""),
  V ("\"\x7f\""),
  "{\"\":1}",
};

static void
test_good (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (JsonObject) object =
        cow_json_parse_object (good[i], strlen (good[i]), "a file", &error);
    if (!object)
      g_error ("%s: %s", good[i], error->message);
  }
}

/* Whatever value is written can be read again, and is the same. */
static void
test_written (void)
{
  static const double numbers[] = { 1e20, -1e20, 5e-20, 1e308, 7e-72, 1.5e300,  0.1,
                                    -0.0, 3,     1e15,  1e16,  1e17,  4.9e-324, 123456789 };
  static const double none[] = { INFINITY, -INFINITY, NAN, -NAN };

  for (guint indented = 0; indented < 2; indented++) {
    g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
    JsonObject *object = json_object_new ();
    JsonArray *array = json_array_new ();
    g_autoptr (GError) error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
      json_array_add_double_element (array, numbers[i]);
    for (guint i = 0; i < G_N_ELEMENTS (none); i++)
      json_array_add_double_element (array, none[i]);
    json_array_add_string_element (array, "1e+20.0, \"inf.0\" \\");
    json_object_set_array_member (object, "1e+20.0", array);
    json_node_take_object (node, object);
    g_autofree char *text = cow_json_text (node, indented > 0);
    g_autoptr (JsonObject) again = cow_json_parse_object (text, strlen (text), "a text", &error);
    g_assert_no_error (error);
    JsonArray *read = json_object_get_array_member (again, "1e+20.0");
    for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
      g_assert_cmpfloat (json_array_get_double_element (read, i), ==, numbers[i]);
    for (guint i = 0; i < G_N_ELEMENTS (none); i++)
      g_assert_true (json_array_get_null_element (read, G_N_ELEMENTS (numbers) + i));
    g_assert_cmpstr (json_array_get_string_element (read, json_array_get_length (read) - 1), ==,
                     "1e+20.0, \"inf.0\" \\");
  }
}

static void
test_values (void)
{
  static const struct {
    const char *text;
    double value;
  } numbers[] = { { V ("1E5"), 1e5 },
                  { V ("1e-05"), 1e-5 },
                  { V ("-0.5e+10"), -5e9 },
                  { V ("-17"), -17 },
                  { V ("0e0"), 0 },
                  { V ("0.25"), .25 },
                  { V ("123456789012"), 123456789012. } };
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (JsonObject) object =
        cow_json_parse_object (numbers[i].text, strlen (numbers[i].text), "a file", &error);
    double value = 77;
    g_assert_no_error (error);
    g_assert_true (cow_json_get_double (object, "a file", "v", &value, &error));
    g_assert_cmpfloat (value, ==, numbers[i].value);
  }
  static const char text[] = V ("\"\\ud83d\\udc04\\u00e9\\/\\n\"");
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) object = cow_json_parse_object (text, sizeof text - 1, "a file", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (json_object_get_string_member (object, "v"), ==, "\xf0\x9f\x90\x84\xc3\xa9/\n");
}

/* ---- what is not ----------------------------------------------------------------------------- */

static const struct {
  const char *text, *says;
} bad[] = {
  { "", "byte 0: the whole must be an object" },
  { "[1]", "the whole must be an object" },
  { "nullx", "the whole must be an object" },
  { "{", "byte 1: the text ends too early" },
  { "{\"v\"", "the text ends too early" },
  { "{\"v\":", "the text ends too early" },
  { "{\"v\":1", "the text ends too early" },
  { "{\"v\":1,", "the text ends too early" },
  { "{\"v\":1,}", "byte 7: the name of a member was expected" },
  { "{,}", "the name of a member was expected" },
  { "{v:1}", "the name of a member was expected" },
  { "{'v':1}", "the name of a member was expected" },
  { "{\"v\" 1}", "a colon was expected" },
  { "{\"v\"=1}", "a colon was expected" },
  { "{\"v\":1 \"w\":2}", "a comma or } was expected" },
  { V ("[1,]"), "a value was expected" },
  { V ("[1 2]"), "a comma or ] was expected" },
  { V ("[1}"), "a comma or ] was expected" },
  { V ("1]"), "a comma or } was expected" },
  { V (""), "a value was expected" },
  { V ("tru"), "a value was expected" },
  { V ("True"), "a value was expected" },
  { V ("NaN"), "a value was expected" },
  { V ("Infinity"), "a value was expected" },
  { V ("undefined"), "a value was expected" },
  { V ("truex"), "a comma or } was expected" },
  { V ("010"), "byte 5: a number that begins with a needless 0" },
  { V ("-010"), "a number that begins with a needless 0" },
  { V ("00"), "a number that begins with a needless 0" },
  { V ("01.5"), "a number that begins with a needless 0" },
  { V ("0x10"), "a comma or } was expected" },
  { V ("+1"), "a value was expected" },
  { V ("-"), "a number without digits" },
  { V ("- 1"), "a number without digits" },
  { V ("--1"), "a number without digits" },
  { V (".5"), "a value was expected" },
  { V ("1."), "a number without digits after its point" },
  { V ("1.e5"), "a number without digits after its point" },
  { V ("1e"), "a number without digits in its exponent" },
  { V ("1e+"), "a number without digits in its exponent" },
  { V ("71e320"), "byte 5: a number that is larger than a double can be" },
  { V ("[1,-1e309]"), "a number that is larger than a double can be" },
  { V ("1_000"), "a comma or } was expected" },
  { V ("9223372036854775808"), "an integer of more than 64 bits" },
  { V ("-9223372036854775809"), "an integer of more than 64 bits" },
  { V ("18446744073709551615"), "an integer of more than 64 bits" },
  { V ("\"\\101\""), "an escape that JSON does not have" },
  { V ("\"\\377\""), "an escape that JSON does not have" },
  { V ("\"\\x41\""), "an escape that JSON does not have" },
  { V ("\"\\a\""), "an escape that JSON does not have" },
  { V ("\"\\'\""), "an escape that JSON does not have" },
  { V ("\"\\\n\""), "an escape that JSON does not have" },
  { V ("\"\\u12\""), "\\u without four hexadecimal digits" },
  { V ("\"\\u12g4\""), "\\u without four hexadecimal digits" },
  { V ("\"\\u+123\""), "\\u without four hexadecimal digits" },
  { V ("\"\\U0041\""), "an escape that JSON does not have" },
  { V ("\"\\u0000\""), "a NUL character" },
  { V ("\"\\ud800\""), "half of a surrogate pair" },
  { V ("\"\\ud83d\\u0041\""), "half of a surrogate pair" },
  { V ("\"\\udc04\\ud83d\""), "half of a surrogate pair" },
  { V ("\"a\nb\""), "a control character" },
  { V ("\"\x1b[2J\""), "a control character" },
  { V ("\"\t\""), "a control character" },
  { V ("\"\\\""), "a string without end" },
  { V ("\"\xff\""), "not UTF-8" },
  { V ("\"\xc0\x80\""), "not UTF-8" },
  { V ("\"\xed\xa0\x80\""), "not UTF-8" },
  { V ("'x'"), "a value was expected" },
  { "{/* \" */}", "the name of a member was expected" },
  { V ("1 // one\n"), "a comma or } was expected" },
  { "# comment\n{}", "the whole must be an object" },
  { "{} {}", "byte 3: more text after the end" },
  { "{}x", "byte 2: more text after the end" },
  { "{\"v\":1,\"v\":2}", "two members have the name \"v\"" },
  { "{\"v\":1,\"\\u0076\":2}", "two members have the name \"v\"" },
};

static void
test_bad (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (JsonObject) object =
        cow_json_parse_object (bad[i].text, strlen (bad[i].text), "a file", &error);
    if (object)
      g_error ("%s was taken", bad[i].text);
    g_assert_error (error, COW_ERROR, COW_ERROR_FORMAT);
    g_assert_true (g_str_has_prefix (error->message, "a file: broken JSON"));
    if (!strstr (error->message, bad[i].says))
      g_error ("%s: %s; expected %s", bad[i].text, error->message, bad[i].says);
  }
  static const char nul[] = "{\"v\":\"a\0b\"}";
  g_autoptr (GError) error = NULL;
  g_assert_null (cow_json_parse (nul, sizeof nul - 1, "a file", &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_FORMAT);
}

/* Each beginning of a text is refused, but the whole. */
static void
test_truncated (void)
{
  static const char text[] =
      "{\"a\": [1.5e+3, {\"\\u00e9\\n\": -2}, \"\\ud83d\\udc04\"], \"b\": true}";
  for (gsize n = 0; n < sizeof text - 1; n++) {
    g_autoptr (GError) error = NULL;
    g_assert_false (cow_json_check (text, n, "a file", &error));
    g_assert_error (error, COW_ERROR, COW_ERROR_FORMAT);
  }
  g_assert_true (cow_json_check (text, sizeof text - 1, "a file", NULL));
}

static void
test_depth (void)
{
  for (guint depth = COW_JSON_MAX_DEPTH - 1; depth <= COW_JSON_MAX_DEPTH; depth++) {
    g_autofree char *opening = g_strnfill (depth, '['), *closing = g_strnfill (depth, ']');
    g_autofree char *text = g_strconcat ("{\"v\":", opening, closing, "}", NULL);
    g_autoptr (GError) error = NULL;
    const gboolean ok = cow_json_check (text, strlen (text), "a file", &error);
    g_assert_cmpint (ok, ==, depth < COW_JSON_MAX_DEPTH);
    if (!ok)
      expect_error (&error, COW_ERROR_FORMAT, "nested too deep", NULL);
  }
}

/* ---- terminals ------------------------------------------------------------------------------- */

static void
test_printable (void)
{
  static const struct {
    const char *text;
    gboolean lines;
    const char *expected;
  } cases[] = {
    { "Kühe \xf0\x9f\x90\x84 \\ \"", FALSE, "Kühe \xf0\x9f\x90\x84 \\ \"" },
    { "a\033[31mb\a\x7f", FALSE, "a\\u001b[31mb\\u0007\\u007f" },
    { "a\nb\tc\r", TRUE, "a\nb\tc\\u000d" },
    { "a\nb\tc", FALSE, "a\\u000ab\\u0009c" },
    { "\xc2\x9b"
      "2J",
      TRUE, "\\u009b2J" },
    { "eg\xe2\x80\xaepj.exe", TRUE, "eg\\u202epj.exe" },
    { "\xff\x80x", TRUE, "\\xff\\x80x" },
    { "", TRUE, "" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *found = cow_printable (cases[i].text, cases[i].lines);
    g_assert_cmpstr (found, ==, cases[i].expected);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json/good", test_good);
  g_test_add_func ("/json/written", test_written);
  g_test_add_func ("/json/values-of", test_values);
  g_test_add_func ("/json/bad", test_bad);
  g_test_add_func ("/json/truncated", test_truncated);
  g_test_add_func ("/json/depth", test_depth);
  g_test_add_func ("/printable", test_printable);
  return run_and_clean ();
}
