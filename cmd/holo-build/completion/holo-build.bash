
# _holo_build asks the program, which answers with lines of a word, a tab and its description, and last with what to make of
# them: a colon and a sum of 1, an error; 2, nothing follows the word; 4, it is no file.
_holo_build() {
    local args word kept quote lines line i full flag= told=0 words=() about=()
    COMPREPLY=()
    _holo_words
    type -P -- "${args[0]}" >/dev/null || args[0]=holo-build # it may be an alias
    mapfile -t lines < <("${args[0]}" __complete "${args[@]:1}" "$word" 2>/dev/null)
    ((${#lines[@]})) && told=${lines[-1]#:} && unset 'lines[-1]'
    [[ $told == +([0-9]) ]] && (((told & 1) == 0)) || return
    (((told & 4) == 0)) || compopt +o default
    (((told & 2) == 0)) || compopt -o nospace
    # Values of a flag come without its name.
    [[ $word == -*=* ]] && flag=${word%%=*}=
    for line in "${lines[@]}"; do
        full=$flag${line%%$'\t'*}
        [[ $full == "$word"* ]] || continue
        [[ $line == *$'\t'* ]] && about[${#words[@]}]=${line#*$'\t'}
        words+=("$full")
    done
    _holo_reply "${words[@]}"
    # What is only listed is listed with its descriptions.
    if ((COMP_TYPE == 63 && ${#COMPREPLY[@]} > 1)); then
        for i in "${!about[@]}"; do
            printf -v "COMPREPLY[$i]" '%-22s (%s)' "${COMPREPLY[i]}" "${about[$i]}"
        done
    fi
}
complete -o default -F _holo_build holo-build
