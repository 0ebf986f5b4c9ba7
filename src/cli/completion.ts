/**
 * `orrery completion bash|zsh|fish`: a script made from the commands themselves. It asks nothing of this program while you type: a TAB
 * costs no start of it. What it does not know (ids, files, names) is left to the shell's own completion of files.
 */
import process from "node:process";
import { Argument, Command, type Option } from "commander";

const shells = ["bash", "zsh", "fish"] as const;

export function completionCommand(program: () => Command): Command {
  return new Command("completion")
    .description("print a completion script for a shell")
    .addArgument(new Argument("<shell>", "which one").choices(shells))
    .addHelpText(
      "after",
      `
Examples:
  source <(orrery completion bash)                               # now, or in ~/.bashrc
  orrery completion zsh > "\${fpath[1]}/_orrery"                  # a folder of zsh's fpath
  orrery completion fish > ~/.config/fish/completions/orrery.fish`,
    )
    .action((shell: (typeof shells)[number]) => {
      const places = placesOf(program());
      process.stdout.write({ bash: bashScript, zsh: zshScript, fish: fishScript }[shell](places));
    });
}

interface Word {
  readonly word: string;
  readonly about: string;
}

/** A command with what may follow it. `path`: the words to it, after the program's name. */
interface Place {
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly (Word & { readonly takesValue: boolean; readonly choices: readonly string[] })[];
  /** Fixed choices of its arguments. */
  readonly choices: readonly string[];
}

function placesOf(command: Command, path: readonly string[] = []): Place[] {
  const help = command.createHelp();
  const children = help.visibleCommands(command).filter((child) => child.name() !== "help");
  const place: Place = {
    path: path.join(" "),
    commands: children.flatMap((child) =>
      [child.name(), ...child.aliases()].map((word) => ({ word, about: firstOf(child.description()) })),
    ),
    options: help.visibleOptions(command).flatMap(optionWords),
    choices: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  };
  const below = children.flatMap((child) =>
    [child.name(), ...child.aliases()].flatMap((word) => placesOf(child, [...path, word])),
  );
  return [place, ...below];
}

function optionWords({ long, short, required, optional, argChoices, description }: Option): Place["options"] {
  return [long, short]
    .filter((word) => word !== undefined && word !== null)
    .map((word) => ({
      word,
      about: firstOf(description),
      takesValue: required || optional,
      choices: argChoices ?? [],
    }));
}

/** Scripts quote with single quotes; a description is cut at its first clause to fit beside its word. */
const firstOf = (text: string): string => (text.split(/[:;(]/)[0] ?? "").replaceAll("'", "’").trim();

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join("|");

/** The `case` that follows the words to the command at hand; `array` is the shell's own name of the words. */
function stepCase(places: readonly Place[], array: string): string {
  const paths = quoted(places.filter(({ path }) => path !== "").map(({ path }) => ` ${path}`));
  return `case "$at \${${array}[i]}" in\n      ${paths}) at="$at \${${array}[i]}" ;;\n    esac`;
}

interface Value {
  readonly key: string;
  readonly choices: readonly string[];
}

const valuesOf = (places: readonly Place[]): Value[] =>
  places.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map(({ word, choices }) => ({ key: `${path === "" ? "" : ` ${path}`} ${word}`, choices })),
  );

function bashScript(places: readonly Place[]): string {
  const values = valuesOf(places);
  const chosen = values.filter(({ choices }) => choices.length > 0);
  const free = values.filter(({ choices }) => choices.length === 0);
  return `# bash completion of orrery
_orrery() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" at="" words="" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    ${stepCase(places, "COMP_WORDS")}
  done
  case "$at $prev" in
${chosen.map(({ key, choices }) => `    '${key}') words='${choices.join(" ")}' ;;`).join("\n")}
    ${quoted(free.map(({ key }) => key))}) return ;;
    *)
      case "$at" in
${places.map(({ path, commands, options, choices }) => `        '${path === "" ? "" : ` ${path}`}') if [[ $cur == -* ]]; then words='${options.map(({ word }) => word).join(" ")}'; else words='${[...commands.map(({ word }) => word), ...choices].join(" ")}'; fi ;;`).join("\n")}
      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _orrery orrery
`;
}

function zshScript(places: readonly Place[]): string {
  const values = valuesOf(places);
  const described = (words: readonly Word[]): string =>
    words.map(({ word, about }) => `'${word.replaceAll(":", "\\:")}:${about.replaceAll(":", "\\:")}'`).join(" ");
  return `#compdef orrery
# zsh completion of orrery
_orrery() {
  local cur="\${words[CURRENT]}" prev="\${words[CURRENT-1]}" at="" i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    ${stepCase(places, "words")}
  done
  case "$at $prev" in
${values.map(({ key, choices }) => `    '${key}') ${choices.length > 0 ? `compadd -- ${choices.join(" ")}` : "_files"}; return ;;`).join("\n")}
  esac
  case "$at" in
${places.map(({ path, commands, options, choices }) => `    '${path === "" ? "" : ` ${path}`}') if [[ $cur == -* ]]; then found=(${described(options)}); else found=(${described([...commands, ...choices.map((word) => ({ word, about: word }))])}); fi ;;`).join("\n")}
  esac
  if (( \${#found} )); then _describe orrery found; else _files; fi
}
if [[ "\${funcstack[1]}" == _orrery ]]; then _orrery "$@"; else compdef _orrery orrery; fi
`;
}

function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, commands, options, choices }) => {
    const when = `-n '__orrery_in "${path}"'`;
    return [
      ...commands.map(({ word, about }) => `complete -c orrery -f ${when} -a '${word}' -d '${about}'`),
      ...(choices.length > 0 ? [`complete -c orrery -f ${when} -a '${choices.join(" ")}'`] : []),
      ...options.map(({ word, about, takesValue, choices: of }) => {
        const name = word.startsWith("--") ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`;
        const value = of.length > 0 ? ` -x -a '${of.join(" ")}'` : takesValue ? " -r" : "";
        return `complete -c orrery ${when} ${name}${value} -d '${about}'`;
      }),
    ];
  });
  const paths = places.filter(({ path }) => path !== "").map(({ path }) => `'${path}'`);
  return `# fish completion of orrery
function __orrery_in
  set -l at
  for word in (commandline -opc)[2..]
    if contains -- (string join -- ' ' $at $word) ${paths.join(" ")}
      set at $at $word
    end
  end
  test "$at" = "$argv[1]"
end
${lines.join("\n")}
`;
}
