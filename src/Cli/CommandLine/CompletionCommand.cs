using System.CommandLine;

namespace Osv.Cli.CommandLine;

/// <summary><c>osv completion SHELL</c>: a script for the shell that asks this command, by its directive [suggest], what may stand where the cursor is.</summary>
internal static class CompletionCommand
{
    private const string Bash =
        """
        # Completion of osv in bash; put this into ~/.bashrc: source <(osv completion bash)
        _osv() {
            local IFS=$'\n' word=${COMP_WORDS[COMP_CWORD]} line found
            # What osv is called here (./osv, a path) is not its business: it is told "osv".
            line="osv${COMP_LINE:${#COMP_WORDS[0]}}"
            found=$("${COMP_WORDS[0]}" "[suggest:$((COMP_POINT - ${#COMP_WORDS[0]} + 3))]" "$line" 2>/dev/null)
            # Options only where one was begun.
            [[ $word == -* ]] || found=$(grep -v '^-' <<<"$found")
            COMPREPLY=($(compgen -W "$found" -- "$word"))
        }
        complete -o default -F _osv osv
        """;

    private const string Zsh =
        """
        #compdef osv
        # Completion of osv in zsh; put this into ~/.zshrc after compinit: source <(osv completion zsh)
        _osv() {
            local -a found
            local line="osv${BUFFER[${#words[1]}+1,-1]}"
            found=("${(@f)$("${words[1]}" "[suggest:$((CURSOR - ${#words[1]} + 3))]" "$line" 2>/dev/null)}")
            [[ ${words[CURRENT]} == -* ]] || found=(${found:#-*})
            if (( ${#found} > 0 )) && [[ -n ${found[1]} ]]; then compadd -- "${found[@]}"; else _files; fi
        }
        compdef _osv osv
        """;

    private const string Fish =
        """
        # Completion of osv in fish; put this into ~/.config/fish/config.fish: osv completion fish | source
        function __osv_complete
            set -l words (commandline -opc)
            set -l line (commandline -cp)
            set -l rest (string sub -s (math (string length -- $words[1]) + 1) -- $line)
            set -l asked "osv$rest"
            $words[1] "[suggest:"(string length -- "$asked")"]" "$asked" 2>/dev/null
        end
        complete -c osv -a '(__osv_complete)'
        """;

    public static Command Create()
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print what makes a shell complete osv's commands, options and names.") { shell };
        command.SetAction(parsed => Console.Out.WriteLine(parsed.GetRequiredValue(shell) switch { "bash" => Bash, "zsh" => Zsh, _ => Fish }));
        return command;
    }
}
