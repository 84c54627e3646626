# bash completion for holo(8)

_holo() {
    local cur=${COMP_WORDS[COMP_CWORD]} words=() i
    if ((COMP_CWORD == 1)); then
        words=(apply diff scan selectors version help)
    else
        case ${COMP_WORDS[1]} in
            apply) words=(-f --force) ;;
            scan) words=(-s --short -p --porcelain) ;;
            diff) ;;
            *) return ;;
        esac
        if [[ $cur != -* ]]; then
            # The selectors have colons, at which bash splits words.
            local IFS=$'\n'
            words=($(holo selectors 2>/dev/null))
            i=$cur
            [[ ${COMP_WORDS[COMP_CWORD - 1]} == : ]] && i=${COMP_WORDS[COMP_CWORD - 2]}:$cur
            [[ $cur == : ]] && i=${COMP_WORDS[COMP_CWORD - 1]}:
            words=($(compgen -W "${words[*]}" -- "$i"))
            [[ $i == *:* ]] && words=("${words[@]#"${i%:*}":}")
            COMPREPLY=("${words[@]}")
            return
        fi
    fi
    COMPREPLY=($(compgen -W "${words[*]}" -- "$cur"))
}
complete -F _holo holo
