// Speaks with `ppocore check --exec` (docs/protocol.md): speak(hello, functions) answers until it is told to stop.
import { createInterface } from "node:readline";

// JSON has no NaN and no infinities: they travel as strings.  Arrays are nested, so both ways are recursive.
const UNUSUAL = { nan: NaN, inf: Infinity, "-inf": -Infinity };

const received = (value) =>
  Array.isArray(value) ? value.map(received) : typeof value === "string" ? UNUSUAL[value] : value;

const sent = (value) => {
  if (Array.isArray(value)) return value.map(sent);
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
};

const each = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));

export async function speak(hello, functions) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { cmd, seq, operation, inputs } = JSON.parse(line);
    if (cmd === "stop") break;
    let reply = hello;
    if (cmd === "run") {
      try {
        reply = { seq, outputs: each(functions[operation](each(inputs, received)), sent) };
      } catch (error) {
        reply = { seq, error: String(error) };
      }
    }
    process.stdout.write(JSON.stringify(reply) + "\n");
  }
}
