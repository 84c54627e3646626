
# _holo_words reads the line before the cursor, in which bash sees more words where one has a colon or the like. Nothing in
# it is run: what was completed may be the names of anybody's files. $args are the words before the last one, with their
# variables and ~. Of what the last one stands for ($word), readline keeps what $kept says and puts a reply in place of the
# rest; $quote is the quote that is open there.
_holo_words() {
    local line=${COMP_LINE:0:COMP_POINT} outer= value= begun= skip=0 c i
    args=() word= kept= quote=
    for ((i = 0; i < ${#line}; i++)); do
        c=${line:i:1}
        if ((skip == 0)) && [[ $quote != \' && ${line:i} =~ ^\$(([A-Za-z_][A-Za-z_0-9]*)|\{([A-Za-z_][A-Za-z_0-9]*)\}) ]]; then
            skip=${#BASH_REMATCH} c=${BASH_REMATCH[2]}${BASH_REMATCH[3]}
            value+=${!c-} c=\$
        elif [[ ! $begun && ${line:i:2} == \~/ ]]; then
            skip=1 value+=$HOME
        fi
        if [[ $c == \\ && $quote != \' ]]; then
            c=${line:$((++i)):1}
            [[ $quote && $c == [!\"\\\$\`] ]] && c=\\$c
            word+=$c value+=$c begun=1
            continue
        elif [[ $quote && $c == "$quote" ]]; then
            quote= kept=$outer
            continue
        elif [[ ! $quote && $c == [\'\"] ]]; then
            quote=$c outer=$kept kept=$word begun=1
            continue
        elif [[ ! $quote && $c == [[:blank:]] ]]; then
            [[ $begun ]] && args+=("$value")
            word= value= kept= begun=
            continue
        fi
        # What breaks a word is kept, but for readline's "special prefixes".
        [[ ! $quote && $COMP_WORDBREAKS == *"$c"* && $c == [@$] ]] && kept=$word
        word+=$c begun=1
        if ((skip)); then ((skip--)); else value+=$c; fi
        [[ ! $quote && $COMP_WORDBREAKS == *"$c"* && $c != [@$] ]] && kept=$word
    done
}

# _holo_reply adds those of its arguments that begin with $word. What is to follow $kept is quoted as the open quote wants it.
_holo_reply() {
    local full reply
    for full in "$@"; do
        [[ $full == "$word"* ]] || continue
        reply=${full#"$kept"}
        case $quote in
            \') reply=${reply//\'/\'\\\'\'} ;;
            \") reply=${reply//\\/\\\\} reply=${reply//\"/\\\"} reply=${reply//\$/\\\$} reply=${reply//\`/\\\`} ;;
            *) [[ $reply ]] && printf -v reply %q "$reply" ;;
        esac
        COMPREPLY+=("$reply")
    done
    # readline takes a quote at the end of a name for the one that ends it.
    if ((${#COMPREPLY[@]} == 1)) && [[ $quote && ${COMPREPLY[0]} == *"$quote" ]]; then
        COMPREPLY[0]+=$quote
    fi
}
