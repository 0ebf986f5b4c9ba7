/** `orrery packets check` and `orrery ships import`: packet definitions from files, YAML, JSON or XTCE, and what was made of them. */
import { Command } from "commander";
import { type ReadDefinition, readDefinition } from "../ground/definition-file.ts";
import type { PacketCondition, PacketType } from "../ground/packet-definition.ts";
import { InvalidRequestError } from "../model/errors.ts";
import { type ApiFlags, apiCommand, clientOf, groupCommand, show } from "./api-command.ts";
import { CommandError } from "./exit.ts";
import { fileText } from "./input.ts";
import { table } from "./table.ts";
import { clean } from "./words.ts";

const fileHelp = "YAML, JSON or XTCE (XML); - for standard input";

export function packetsCommand(): Command {
  const check = new Command("check")
    .description("check a packet definition's file, and show what it says; needs no server")
    .argument("<file>", fileHelp)
    .option("--fields", "show every field")
    .option("--json", "print the definition as JSON, and what was left out")
    .addHelpText(
      "after",
      "\nExamples:\n  orrery packets check sat.xml --fields\n  orrery packets check sat.xml --json | jq .definition > packets.json",
    )
    .action((file: string, flags: { json?: boolean; fields?: boolean }) => {
      const read = readFile(file);
      const shown = { definition: read.definition, left_out: read.leftOut };
      show(flags, shown, () => definitionText(read, flags.fields === true));
    });
  return groupCommand("packets", "check packet definitions", ["orrery packets check sat.xml"], [check]);
}

interface ImportFlags extends ApiFlags {
  readonly crc?: boolean;
  readonly fields?: boolean;
}

export function importCommand(): Command {
  return apiCommand("import", "register a ship with the packets of a file", [
    "orrery ships import aurora packets.yaml",
    "orrery ships import aurora sat.xml --crc",
  ])
    .argument("<ship>", "its name; the one that is registered is replaced")
    .argument("<file>", fileHelp)
    .option("--crc", "packets end in a CRC-16, which XTCE does not say in a way that is read")
    .option("--fields", "show every field")
    .action(async (ship: string, file: string, flags: ImportFlags) => {
      const read = readFile(file);
      const packets = { ...read.definition, ...(flags.crc === true && { crc: true }) };
      const answer = await clientOf(flags).send<object>("PUT", `/ship/${encodeURIComponent(ship)}`, {
        body: { format: "ccsds", packets },
      });
      show(
        flags,
        { ...answer, left_out: read.leftOut },
        () => `${definitionText(read, flags.fields === true)}Ship ${clean(ship)} is registered with these packets.\n`,
      );
    });
}

function readFile(file: string): ReadDefinition {
  const text = fileText(file);
  try {
    return readDefinition(text, file === "-" ? "standard input" : file);
  } catch (error) {
    if (error instanceof InvalidRequestError) throw new CommandError(error.message);
    throw error;
  }
}

function definitionText({ definition, leftOut }: ReadDefinition, withFields: boolean): string {
  const { packets } = definition;
  const fields = packets.reduce((sum, packet) => sum + packet.fields.length, 0);
  const parts = [
    `Packets: ${packets.length}, fields: ${fields}\n`,
    table(packets, [
      { title: "apid", of: ({ apid }) => apid },
      { title: "packet", of: ({ name }) => clean(name) },
      { title: "fields", of: (packet) => packet.fields.length },
      { title: "when", of: ({ when }) => when?.map(conditionText).join(" and "), shrinks: true },
    ]),
    ...(withFields ? packets.map(fieldsText) : []),
  ];
  if (leftOut.length > 0)
    parts.push(
      "\nLeft out:\n",
      ...leftOut.map(
        ({ line, path, reason, count }) =>
          `  line ${line}: ${clean(path)} ${clean(reason)}${count > 1 ? ` (and ${count - 1} more)` : ""}\n`,
      ),
    );
  return `${parts.join("")}\n`;
}

function fieldsText({ apid, name, fields }: PacketType): string {
  const rows = table(fields, [
    { title: "bit", of: ({ bit_offset }) => bit_offset },
    { title: "field", of: (field) => clean(field.name) },
    {
      title: "type",
      of: ({ type, bits, bytes }) => [type, bits ?? bytes].filter((part) => part !== undefined).join(" "),
    },
    { title: "calibration", of: ({ calibration }) => Object.keys(calibration ?? {})[0] },
    { title: "unit", of: ({ unit }) => clean(unit) },
    { title: "limits", of: ({ limits }) => Object.keys(limits ?? {}).join(", ") },
  ]);
  return `\n${clean(name)} (APID ${apid})\n${rows}`;
}

function conditionText({ bit_offset, bits, equals, not, min, max }: PacketCondition): string {
  const where = bits === 1 ? `bit ${bit_offset}` : `bits ${bit_offset} to ${bit_offset + bits - 1}`;
  if (equals !== undefined) return `${where} = ${equals}`;
  return not === undefined ? `${where} within ${min ?? 0} … ${max ?? 2 ** bits - 1}` : `${where} ≠ ${not}`;
}
