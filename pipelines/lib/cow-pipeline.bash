# bash
# SPDX-License-Identifier: MIT
# Completes cow-pipeline's options, which its help tells; anything else is a file.
_cow_pipeline () {
  local word=${COMP_WORDS[COMP_CWORD]} words=''
  case ${COMP_WORDS[COMP_CWORD - 1]}:$word in
    --decoder:*) words='auto nvdec vaapi software' ;;
    --codec:*) words='auto h264 h265 mjpeg' ;;
    --protocols:*) words='tcp udp' ;;
    *:-*)
      words=$("${COMP_WORDS[0]}" --help 2>/dev/null | grep -o -E '^  --[a-z0-9-]+|--help|--version')
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -o bashdefault -F _cow_pipeline cow-pipeline
