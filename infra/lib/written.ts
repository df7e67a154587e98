// What a person wrote in a YAML file: values that know their place, and every mistake at once.

import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from "yaml";

/** A file with everything that is wrong in it. */
export class WrittenFile {
  readonly problems: string[] = [];
  private readonly lines = new LineCounter();
  private readonly document: Document;

  constructor(
    readonly name: string,
    text: string,
  ) {
    this.document = parseDocument(text, { lineCounter: this.lines, merge: true });
    for (const error of this.document.errors) {
      this.add(error.pos[0], error.message.split("\n")[0] ?? "", "");
    }
  }

  /** The file as one value. */
  get whole(): Written {
    return new Written(this, this.document.contents as Node | null, 0);
  }

  /** The same as plain values, for those who look for a few things only. */
  plain(): unknown {
    return this.document.errors.length > 0 ? null : this.document.toJS();
  }

  add(offset: number, fact: string, remedy: string): void {
    const { line, col } = this.lines.linePos(offset);
    const place = line > 0 ? `${this.name}:${line}:${col}` : this.name;
    this.problems.push(remedy === "" ? `${place}: ${fact}` : `${place}: ${fact}; ${remedy}`);
  }

  /** Throws what is wrong, if anything is. */
  refuse(): void {
    if (this.problems.length > 0) throw new Error(this.problems.join("\n"));
  }

  resolve(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.document) ?? null) : node;
  }
}

/** A value at its place. What does not fit is noted, and a value in its stead answered. */
export class Written {
  private readonly node: Node | null;

  constructor(
    private readonly file: WrittenFile,
    node: Node | null,
    private readonly offset: number,
  ) {
    this.node = file.resolve(node);
  }

  /** Says that this value is wrong. */
  refuse(fact: string, remedy = ""): void {
    this.file.add(this.node?.range?.[0] ?? this.offset, fact, remedy);
  }

  /** The members of a mapping whose names are free. */
  members(): Map<string, Written> {
    const members = new Map<string, Written>();
    if (this.node === null || (isScalar(this.node) && this.node.value === null)) return members;
    if (!isMap(this.node)) {
      this.refuse("this is not a mapping", "write `name: value` lines");
      return members;
    }
    for (const { key, value } of this.node.items) {
      const name = isScalar(key) ? String(key.value) : "";
      const offset = (key as Node).range?.[0] ?? this.offset;
      members.set(name, new Written(this.file, value as Node | null, offset));
    }
    return members;
  }

  /** The members of a mapping that may have these names and no others. */
  fields<Name extends string>(names: readonly Name[]): Partial<Record<Name, Written>> {
    const fields: Partial<Record<Name, Written>> = {};
    for (const [name, value] of this.members()) {
      const known = names.find((known) => known === name);
      if (known !== undefined) fields[known] = value;
      else this.file.add(value.offset, `there is no \`${name}\` here`, meant(name, names));
    }
    return fields;
  }

  /** The elements of a list. */
  list(): Written[] {
    if (isSeq(this.node)) return this.node.items.map((item) => new Written(this.file, item as Node, this.offset));
    this.refuse("this is not a list", "write `[one, two]`");
    return [];
  }

  /** Text; a number or a truth value counts as what was written. */
  text(): string {
    if (isScalar(this.node) && this.node.value !== null) return this.node.source ?? String(this.node.value);
    this.refuse("this is not text");
    return "";
  }

  /** A whole number between these. */
  whole(least: number, most: number): number {
    const value = isScalar(this.node) ? this.node.value : null;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    this.refuse(`this is not a whole number from ${least} to ${most}`);
    return least;
  }

  /** `true` or `false`. */
  truth(): boolean {
    const value = isScalar(this.node) ? this.node.value : null;
    if (typeof value === "boolean") return value;
    this.refuse("this is neither `true` nor `false`");
    return false;
  }

  /** One of these words. */
  word<Word extends string>(words: readonly [Word, ...Word[]]): Word {
    const text = this.text();
    const word = words.find((word) => word === text);
    if (word === undefined && text !== "") this.refuse(`\`${text}\` is not known here`, meant(text, words));
    return word ?? words[0];
  }

  /** Text of a shape; `says` what the shape is. */
  shaped(shape: RegExp, says: string): string {
    const text = this.text();
    if (text !== "" && !shape.test(text)) this.refuse(`\`${text}\` is not ${says}`);
    return text;
  }
}

/** A remedy: the name that was meant, or all there are. */
export function meant(written: string, known: readonly string[]): string {
  const near = known
    .map((name) => ({ name, far: distance(written, name) }))
    .sort((one, other) => one.far - other.far)[0];
  if (near !== undefined && near.far <= Math.max(1, Math.floor(near.name.length / 3)))
    return `did you mean \`${near.name}\`?`;
  return known.length === 0 ? "nothing may stand here" : `there is: ${known.join(", ")}`;
}

/** How many letters have to change to make one word of the other. */
function distance(one: string, other: string): number {
  let before = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let row = 1; row <= one.length; row += 1) {
    const now = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const same = one[row - 1] === other[column - 1] ? 0 : 1;
      now.push(Math.min(before[column]! + 1, now[column - 1]! + 1, before[column - 1]! + same));
    }
    before = now;
  }
  return before[other.length]!;
}
