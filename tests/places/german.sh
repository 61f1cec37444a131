# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# make_german FOLDER: makes the locale de_DE.UTF-8 in a folder that LOCPATH may name. Numbers have a
# comma in it; everything else is C.UTF-8's. A bare Debian has localedef and C.UTF-8, but neither
# locales nor the tables of letters that localedef wants, so these are written here too: ASCII is
# enough for a comma.
make_german () {
  local folder=$1 letter
  mkdir -p "$folder/source/charmaps" "$folder/made" || return 1
  {
    printf '<code_set_name> UTF-8\n<comment_char> %%\n<escape_char> /\nCHARMAP\n'
    for letter in {0..127}; do
      printf '<U%04X> /x%02x letter\n' "$letter" "$letter"
    done
    printf 'END CHARMAP\n'
  } >"$folder/source/charmaps/UTF-8"
  cp "$folder/source/charmaps/UTF-8" "$folder/source/charmaps/ANSI_X3.4-1968"
  printf '%s\n' 'comment_char %' 'escape_char /' LC_NUMERIC 'decimal_point ","' \
    'thousands_sep "."' 'grouping 3;3' 'END LC_NUMERIC' >"$folder/source/german"
  # It complains of the categories that are not described, and makes them nevertheless.
  I18NPATH=$folder/source localedef -c --quiet -i "$folder/source/german" -f UTF-8 \
    "$folder/made/numbers.UTF-8" 2>/dev/null
  cp -r /usr/lib/locale/C.utf8 "$folder/de_DE.UTF-8" &&
    cp "$folder/made/numbers.UTF-8/LC_NUMERIC" "$folder/de_DE.UTF-8/"
}
