/* SPDX-License-Identifier: MIT */
/*
 * Recordings played as player.h plays them, with a journal (journal.h): what an earlier run saw
 * comes from there, and the recording goes on where that run ended.
 */
#ifndef COW_TRAINER_RESUME_H
#define COW_TRAINER_RESUME_H

#include "trainer/video/journal.h"
#include "trainer/video/player.h"

G_BEGIN_DECLS

/*
 * As cow_player_run (), of the recording of that number. What the journal has is handed on first;
 * of a recording that it has whole nothing is played. Where it has a part, and results do not
 * depend on frames before (neither detector nor boxes nor properties), the recording goes on two
 * seconds before the end of that part, and what comes must be what the journal has; where it is
 * not, and else, the recording begins anew. Standard error says which.
 */
gboolean cow_resume_play (CowJournal *journal, guint number, const CowPlayerOptions *options,
                          const CowPlayerSink *sink, gpointer data, CowRecordingEnd *end,
                          GError **error);

G_END_DECLS

#endif
