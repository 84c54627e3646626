# fish completion for holo(8)

complete -c holo -f
complete -c holo -n __fish_use_subcommand -a apply -d 'Provision entities'
complete -c holo -n __fish_use_subcommand -a diff -d 'Show how entities differ from what was last applied'
complete -c holo -n __fish_use_subcommand -a scan -d 'List entities'
complete -c holo -n __fish_use_subcommand -a selectors -d 'List what can select entities'
complete -c holo -n __fish_use_subcommand -a version -d 'Print the version'
complete -c holo -n __fish_use_subcommand -a help -d 'Print a short help'
complete -c holo -n '__fish_seen_subcommand_from apply' -s f -l force -d 'Overwrite what others have changed'
complete -c holo -n '__fish_seen_subcommand_from scan' -s s -l short -d 'Print only IDs'
complete -c holo -n '__fish_seen_subcommand_from scan' -s p -l porcelain -d 'Print for programs'
complete -c holo -n '__fish_seen_subcommand_from apply diff scan' -a '(holo selectors 2>/dev/null)'
