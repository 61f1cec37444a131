# bash
# SPDX-License-Identifier: MIT
# Completes cow-trainer's verbs, options and recipes, which the program itself tells; anything else
# is a file.
_cow_trainer () {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=''
  if [ "$COMP_CWORD" = 1 ]; then
    words=$("${COMP_WORDS[0]}" --complete 2>/dev/null | cut -f 1)
  elif [ "$before" = --recipe ] || [ "$before" = -r ]; then
    words=$("${COMP_WORDS[0]}" train --list-recipes 2>/dev/null | sed -n 's/^\([a-z][^ ]*\).*/\1/p')
  elif [[ $word == -* ]]; then
    words=$("${COMP_WORDS[0]}" "${COMP_WORDS[1]}" --complete 2>/dev/null | cut -f 1)
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -o bashdefault -F _cow_trainer cow-trainer
