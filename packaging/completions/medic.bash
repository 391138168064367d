# bash completion for medic(1). What there is to offer `medic complete` knows; this only shows it.
# bash-completion is not needed; where it is, it completes the command line behind `medic launch --`.

_medic() {
    local words=() starts=() word line i previous='' cur=${COMP_WORDS[COMP_CWORD]} files='' typed
    COMPREPLY=()
    local open='' # not empty: the `=` before the cursor is still part of the word
    [[ ${COMP_LINE:0:COMP_POINT} != *= ]] || open=1
    # bash has split --format=json and key=value at the `=`: put them together again.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((${#words[@]})) && [[ $word == '=' || ($previous == '=' && -n ${word:-$open}) ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
            starts+=("$i")
        fi
        previous=$word
    done
    typed=${words[${#words[@]} - 1]}
    [[ $cur != '=' ]] || cur=
    while IFS=$'\t' read -r word _; do
        case $word in
            :files) files=-f ;;
            :folders) files=-d ;;
            :command*) _medic_program "${starts[${word##* } - 1]}"; return ;;
            "$typed"*)
                # bash replaces what is behind the last `=`.
                if [[ $typed == *=* && $COMP_WORDBREAKS == *=* ]]; then
                    word=${word#"${typed%"$cur"}"}
                fi
                COMPREPLY+=("$word")
                ;;
        esac
    done < <("${COMP_WORDS[0]}" complete line "${words[@]}" 2> /dev/null)
    if [[ -n $files ]]; then
        compopt -o filenames 2> /dev/null
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done < <(compgen "$files" -- "$cur")
    elif ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2> /dev/null
    fi
}

# The program of `medic launch`, which begins at word $1: its name, then files, or what bash-completion knows of it.
_medic_program() {
    if declare -F _command_offset > /dev/null; then
        _command_offset "$1"
    elif (($1 == COMP_CWORD)); then
        mapfile -t COMPREPLY < <(compgen -c -- "$cur")
    else
        compopt -o filenames 2> /dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}

complete -F _medic medic
