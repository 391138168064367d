# fish completion for medic(1). What there is to offer `medic complete` knows; this only shows it.

function __medic_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] complete line $words[2..-1] 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path (commandline -ct)
            case ':folders'
                __fish_complete_directories (commandline -ct)
            case ':command *'
                set -l first (math (string split ' ' -- $line)[2] + 1)
                complete -C (string join ' ' -- (string escape -- $words[$first..-2]) $words[-1])
            case '*'
                printf '%s\n' $line
        end
    end
end

complete -c medic -f -a '(__medic_complete)'
