#compdef holo
# zsh completion for holo(8)

_holo_selectors() {
    local -a list
    list=(${(f)"$(holo selectors 2>/dev/null)"})
    compadd -a list
}

_holo() {
    local -a operations
    operations=(
        'apply:provision entities'
        'diff:show how entities differ from what was last applied'
        'scan:list entities'
        'selectors:list what can select entities'
        'version:print the version'
        'help:print a short help'
    )
    if ((CURRENT == 2)); then
        _describe operation operations
        return
    fi
    case $words[2] in
        apply) _arguments '*'{-f,--force}'[overwrite what others have changed]' '*:selector:_holo_selectors' ;;
        scan) _arguments '*'{-s,--short}'[print only IDs]' '*'{-p,--porcelain}'[print for programs]' '*:selector:_holo_selectors' ;;
        diff) _arguments '*:selector:_holo_selectors' ;;
    esac
}

_holo "$@"
