/** What the doctor says of one thing: a fact, what it means, what to do. */

/** `note`: worth knowing, and right for somebody. `wrong`: cancels are lost, or nobody finds them. */
export type Status = 'ok' | 'note' | 'wrong';

export interface Check {
  /** Of a few words, such as `sampler`. */
  readonly topic: string;
  readonly status: Status;
  readonly fact: string;
  readonly meaning?: string | undefined;
  readonly toDo?: string | undefined;
}

export function ok(topic: string, fact: string, meaning?: string): Check {
  return { topic, status: 'ok', fact, meaning };
}

export function note(topic: string, fact: string, meaning?: string, toDo?: string): Check {
  return { topic, status: 'note', fact, meaning, toDo };
}

export function wrong(topic: string, fact: string, meaning?: string, toDo?: string): Check {
  return { topic, status: 'wrong', fact, meaning, toDo };
}
