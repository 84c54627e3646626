# bash completion for holo(8)

# _holo_word reads the word before the cursor, which may have quotes, and in which bash sees more words where it has a
# colon or the like. Of what it stands for ($word), readline keeps what $kept says and puts a reply in place of the rest;
# $quote is the quote that is open there.
_holo_word() {
    local line=${COMP_LINE:0:COMP_POINT} outer= c i
    word= kept= quote=
    for ((i = 0; i < ${#line}; i++)); do
        c=${line:i:1}
        if [[ $c == \\ && $quote != \' ]]; then
            c=${line:$((++i)):1}
            [[ $quote && $c == [!\"\\\$\`] ]] && c=\\$c
            word+=$c
        elif [[ $quote && $c == "$quote" ]]; then
            quote= kept=$outer
        elif [[ $quote ]]; then
            word+=$c
        elif [[ $c == [\'\"] ]]; then
            quote=$c outer=$kept kept=$word
        elif [[ $c == [[:blank:]] ]]; then
            word= kept=
        else
            # What breaks a word is kept, but for readline's "special prefixes".
            [[ $COMP_WORDBREAKS == *"$c"* && $c == [@$] ]] && kept=$word
            word+=$c
            [[ $COMP_WORDBREAKS == *"$c"* && $c != [@$] ]] && kept=$word
        fi
    done
}

# _holo_reply quotes what is to follow $kept, as the open quote wants it.
_holo_reply() {
    local reply=${1#"$kept"}
    case $quote in
        \') reply=${reply//\'/\'\\\'\'} ;;
        \") reply=${reply//\\/\\\\} reply=${reply//\"/\\\"} reply=${reply//\$/\\\$} reply=${reply//\`/\\\`} ;;
        *) [[ $reply ]] && printf -v reply %q "$reply" ;;
    esac
    COMPREPLY+=("$reply")
}

_holo() {
    local word kept quote words=() w
    COMPREPLY=()
    _holo_word
    if ((COMP_CWORD == 1)); then
        words=(apply diff scan selectors version help)
    else
        case ${COMP_WORDS[1]} in
            apply) words=(-f --force) ;;
            scan) words=(-s --short -p --porcelain) ;;
            diff) ;;
            *) return ;;
        esac
        # Names of files are words of nobody's choice: nothing may expand them.
        [[ $word == -* ]] || mapfile -t words < <(holo selectors 2>/dev/null)
    fi
    for w in "${words[@]}"; do
        [[ $w == "$word"* ]] && _holo_reply "$w"
    done
}
complete -F _holo holo
