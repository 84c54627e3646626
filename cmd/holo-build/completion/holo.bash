
_holo() {
    local args word kept quote words=()
    COMPREPLY=()
    _holo_words
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
    _holo_reply "${words[@]}"
}
complete -F _holo holo
