/* SPDX-License-Identifier: MIT */
/*
 * The maps of fragments.h against the figures of the PTX ISA 8.7, "Warp-level matrix instructions",
 * as tables of who holds what: a line is a row of the matrix, or a column of b; Tl:e says that lane
 * l holds there, from its element e on, as many neighbours as a register has.
 */
#include "tests/cuda-on-cpu/fixture.h"
#include "tests/cuda-on-cpu/fragments.h"

#include <stdio.h>
#include <stdlib.h>

namespace
{

const char *const a_16_bits[] = { "T0:0 T1:0 T2:0 T3:0 T0:4 T1:4 T2:4 T3:4",
                                  "T4:0 T5:0 T6:0 T7:0 T4:4 T5:4 T6:4 T7:4",
                                  "T8:0 T9:0 T10:0 T11:0 T8:4 T9:4 T10:4 T11:4",
                                  "T12:0 T13:0 T14:0 T15:0 T12:4 T13:4 T14:4 T15:4",
                                  "T16:0 T17:0 T18:0 T19:0 T16:4 T17:4 T18:4 T19:4",
                                  "T20:0 T21:0 T22:0 T23:0 T20:4 T21:4 T22:4 T23:4",
                                  "T24:0 T25:0 T26:0 T27:0 T24:4 T25:4 T26:4 T27:4",
                                  "T28:0 T29:0 T30:0 T31:0 T28:4 T29:4 T30:4 T31:4",
                                  "T0:2 T1:2 T2:2 T3:2 T0:6 T1:6 T2:6 T3:6",
                                  "T4:2 T5:2 T6:2 T7:2 T4:6 T5:6 T6:6 T7:6",
                                  "T8:2 T9:2 T10:2 T11:2 T8:6 T9:6 T10:6 T11:6",
                                  "T12:2 T13:2 T14:2 T15:2 T12:6 T13:6 T14:6 T15:6",
                                  "T16:2 T17:2 T18:2 T19:2 T16:6 T17:6 T18:6 T19:6",
                                  "T20:2 T21:2 T22:2 T23:2 T20:6 T21:6 T22:6 T23:6",
                                  "T24:2 T25:2 T26:2 T27:2 T24:6 T25:6 T26:6 T27:6",
                                  "T28:2 T29:2 T30:2 T31:2 T28:6 T29:6 T30:6 T31:6" };

const char *const a_8_bits[] = { "T0:0 T1:0 T2:0 T3:0 T0:8 T1:8 T2:8 T3:8",
                                 "T4:0 T5:0 T6:0 T7:0 T4:8 T5:8 T6:8 T7:8",
                                 "T8:0 T9:0 T10:0 T11:0 T8:8 T9:8 T10:8 T11:8",
                                 "T12:0 T13:0 T14:0 T15:0 T12:8 T13:8 T14:8 T15:8",
                                 "T16:0 T17:0 T18:0 T19:0 T16:8 T17:8 T18:8 T19:8",
                                 "T20:0 T21:0 T22:0 T23:0 T20:8 T21:8 T22:8 T23:8",
                                 "T24:0 T25:0 T26:0 T27:0 T24:8 T25:8 T26:8 T27:8",
                                 "T28:0 T29:0 T30:0 T31:0 T28:8 T29:8 T30:8 T31:8",
                                 "T0:4 T1:4 T2:4 T3:4 T0:12 T1:12 T2:12 T3:12",
                                 "T4:4 T5:4 T6:4 T7:4 T4:12 T5:12 T6:12 T7:12",
                                 "T8:4 T9:4 T10:4 T11:4 T8:12 T9:12 T10:12 T11:12",
                                 "T12:4 T13:4 T14:4 T15:4 T12:12 T13:12 T14:12 T15:12",
                                 "T16:4 T17:4 T18:4 T19:4 T16:12 T17:12 T18:12 T19:12",
                                 "T20:4 T21:4 T22:4 T23:4 T20:12 T21:12 T22:12 T23:12",
                                 "T24:4 T25:4 T26:4 T27:4 T24:12 T25:12 T26:12 T27:12",
                                 "T28:4 T29:4 T30:4 T31:4 T28:12 T29:12 T30:12 T31:12" };

const char *const b_16_bits[] = { "T0:0 T1:0 T2:0 T3:0 T0:2 T1:2 T2:2 T3:2",
                                  "T4:0 T5:0 T6:0 T7:0 T4:2 T5:2 T6:2 T7:2",
                                  "T8:0 T9:0 T10:0 T11:0 T8:2 T9:2 T10:2 T11:2",
                                  "T12:0 T13:0 T14:0 T15:0 T12:2 T13:2 T14:2 T15:2",
                                  "T16:0 T17:0 T18:0 T19:0 T16:2 T17:2 T18:2 T19:2",
                                  "T20:0 T21:0 T22:0 T23:0 T20:2 T21:2 T22:2 T23:2",
                                  "T24:0 T25:0 T26:0 T27:0 T24:2 T25:2 T26:2 T27:2",
                                  "T28:0 T29:0 T30:0 T31:0 T28:2 T29:2 T30:2 T31:2" };

const char *const b_8_bits[] = { "T0:0 T1:0 T2:0 T3:0 T0:4 T1:4 T2:4 T3:4",
                                 "T4:0 T5:0 T6:0 T7:0 T4:4 T5:4 T6:4 T7:4",
                                 "T8:0 T9:0 T10:0 T11:0 T8:4 T9:4 T10:4 T11:4",
                                 "T12:0 T13:0 T14:0 T15:0 T12:4 T13:4 T14:4 T15:4",
                                 "T16:0 T17:0 T18:0 T19:0 T16:4 T17:4 T18:4 T19:4",
                                 "T20:0 T21:0 T22:0 T23:0 T20:4 T21:4 T22:4 T23:4",
                                 "T24:0 T25:0 T26:0 T27:0 T24:4 T25:4 T26:4 T27:4",
                                 "T28:0 T29:0 T30:0 T31:0 T28:4 T29:4 T30:4 T31:4" };

/* Neighbours are two registers here. */
const char *const d_32_bits[] = { "T0:0 T1:0 T2:0 T3:0",     "T4:0 T5:0 T6:0 T7:0",
                                  "T8:0 T9:0 T10:0 T11:0",   "T12:0 T13:0 T14:0 T15:0",
                                  "T16:0 T17:0 T18:0 T19:0", "T20:0 T21:0 T22:0 T23:0",
                                  "T24:0 T25:0 T26:0 T27:0", "T28:0 T29:0 T30:0 T31:0",
                                  "T0:2 T1:2 T2:2 T3:2",     "T4:2 T5:2 T6:2 T7:2",
                                  "T8:2 T9:2 T10:2 T11:2",   "T12:2 T13:2 T14:2 T15:2",
                                  "T16:2 T17:2 T18:2 T19:2", "T20:2 T21:2 T22:2 T23:2",
                                  "T24:2 T25:2 T26:2 T27:2", "T28:2 T29:2 T30:2 T31:2" };

const char *const loaded[] = { "T0:0 T1:0 T2:0 T3:0",     "T4:0 T5:0 T6:0 T7:0",
                               "T8:0 T9:0 T10:0 T11:0",   "T12:0 T13:0 T14:0 T15:0",
                               "T16:0 T17:0 T18:0 T19:0", "T20:0 T21:0 T22:0 T23:0",
                               "T24:0 T25:0 T26:0 T27:0", "T28:0 T29:0 T30:0 T31:0" };

/* What sm_75 has: m16n8k8 of 16 bits, m8n8k16 of 8 bits, whose d is that of `loaded`. */
const char *const a_16_bits_sm_75[] = { "T0:0 T1:0 T2:0 T3:0",     "T4:0 T5:0 T6:0 T7:0",
                                        "T8:0 T9:0 T10:0 T11:0",   "T12:0 T13:0 T14:0 T15:0",
                                        "T16:0 T17:0 T18:0 T19:0", "T20:0 T21:0 T22:0 T23:0",
                                        "T24:0 T25:0 T26:0 T27:0", "T28:0 T29:0 T30:0 T31:0",
                                        "T0:2 T1:2 T2:2 T3:2",     "T4:2 T5:2 T6:2 T7:2",
                                        "T8:2 T9:2 T10:2 T11:2",   "T12:2 T13:2 T14:2 T15:2",
                                        "T16:2 T17:2 T18:2 T19:2", "T20:2 T21:2 T22:2 T23:2",
                                        "T24:2 T25:2 T26:2 T27:2", "T28:2 T29:2 T30:2 T31:2" };

const char *const any_8_bits_sm_75[] = { "T0:0 T1:0 T2:0 T3:0",     "T4:0 T5:0 T6:0 T7:0",
                                         "T8:0 T9:0 T10:0 T11:0",   "T12:0 T13:0 T14:0 T15:0",
                                         "T16:0 T17:0 T18:0 T19:0", "T20:0 T21:0 T22:0 T23:0",
                                         "T24:0 T25:0 T26:0 T27:0", "T28:0 T29:0 T30:0 T31:0" };

struct Table {
  const char *name;
  const char *const *lines;
  int n_lines, neighbours;
  /* Where the map has a lane's element: the line, and the place in it. */
  Place (*map) (int lane, int element);
};

Place
turned (Place place)
{
  return { place.column, place.row };
}

Place
map_a_16 (int lane, int element)
{
  return place_in_a (2, lane, element / 2, element % 2);
}

Place
map_a_8 (int lane, int element)
{
  return place_in_a (1, lane, element / 4, element % 4);
}

Place
map_b_16 (int lane, int element)
{
  return turned (place_in_b (2, lane, element / 2, element % 2));
}

Place
map_b_8 (int lane, int element)
{
  return turned (place_in_b (1, lane, element / 4, element % 4));
}

Place
map_d (int lane, int element)
{
  return place_in_d (lane, element);
}

Place
map_loaded (int lane, int element)
{
  return place_in_loaded (false, lane, element);
}

Place
map_loaded_transposed (int lane, int element)
{
  return turned (place_in_loaded (true, lane, element));
}

/* Every element of every lane must be met once, where the map has it. */
void
check_table (const Table &table)
{
  int wrong = 0, n = 0;

  for (int i = 0; i < table.n_lines; i++) {
    int lane, element, length, column = 0;

    for (const char *text = table.lines[i];
         sscanf (text, " T%d:%d%n", &lane, &element, &length) == 2; text += length)
      for (int e = 0; e < table.neighbours; e++, column++, n++) {
        const Place place = table.map (lane, element + e);

        wrong += place.row != i || place.column != column;
      }
  }
  char found[64];

  snprintf (found, sizeof found, "%d of %d elements are elsewhere", wrong, n);
  check (n > 0 && wrong == 0, table.name, found);
}

} // namespace

void
check_fragments (void)
{
  static const Table tables[] = {
    { "a of m16n8k16", a_16_bits, 16, 2, map_a_16 },
    { "a of m16n8k32", a_8_bits, 16, 4, map_a_8 },
    { "b of m16n8k16", b_16_bits, 8, 2, map_b_16 },
    { "b of m16n8k32", b_8_bits, 8, 4, map_b_8 },
    { "d", d_32_bits, 16, 2, map_d },
    { "ldmatrix", loaded, 8, 2, map_loaded },
    { "ldmatrix.trans", loaded, 8, 2, map_loaded_transposed },
    { "a of m16n8k8 is half of that of m16n8k16", a_16_bits_sm_75, 16, 2, map_a_16 },
    { "b of m16n8k8 is half of that of m16n8k16", loaded, 8, 2, map_b_16 },
    { "a of m8n8k16 is a quarter of that of m16n8k32", any_8_bits_sm_75, 8, 4, map_a_8 },
    { "b of m8n8k16 is half of that of m16n8k32", any_8_bits_sm_75, 8, 4, map_b_8 },
    { "d of m8n8k16 is half of that of m16n8k32", loaded, 8, 2, map_d },
  };

  for (const Table &table : tables)
    check_table (table);
}
