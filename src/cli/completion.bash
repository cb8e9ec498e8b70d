
_cardvoid() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command='' place=0 kind='' word i
  # "--flag=value" comes as three words.
  if [[ $cur == '=' ]]; then
    cur=
  elif [[ $prev == '=' ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == -* ]]; then
      if _cardvoid_value "$command" "$word" >/dev/null && [[ ${COMP_WORDS[i+1]} != --* ]]; then
        ((i++))
        if [[ ${COMP_WORDS[i]} == '=' ]]; then ((i++)); fi
      fi
    elif [[ -z $command ]]; then
      command=$word
    else
      ((place++))
    fi
  done
  if [[ $cur == --* ]]; then
    kind="words $(_cardvoid_flags "$command")"
  elif kind=$(_cardvoid_value "$command" "$prev"); then
    :
  elif [[ $cur == -* ]]; then
    kind="words $(_cardvoid_flags "$command")"
  elif [[ -z $command ]]; then
    kind="words $_cardvoid_commands"
  else
    kind=$(_cardvoid_place "$command $place")
  fi
  COMPREPLY=()
  case $kind in
    words*) mapfile -t COMPREPLY < <(compgen -W "${kind#words}" -- "$cur") ;;
    folder) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    file) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    job)
      mapfile -t COMPREPLY < <(compgen -f -X '!*.toml' -- "$cur"; compgen -d -- "$cur")
      if ((${#COMPREPLY[@]} == 0)); then mapfile -t COMPREPLY < <(compgen -f -- "$cur"); fi
      ;;
  esac
  if [[ $kind == folder || $kind == file || $kind == job ]]; then compopt -o filenames 2>/dev/null; fi
  return 0
}

complete -F _cardvoid cardvoid
