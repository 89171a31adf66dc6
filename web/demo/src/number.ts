/** A typed number, or the sentence that says what is wrong with it. */
export type Typed = { number: string; problem?: never } | { number?: never; problem: string };

/**
 * Reads a number as people write it. Only punctuation is taken away; which
 * numbers exist is the server's to say.
 */
export function readNumber(text: string): Typed {
  const bare = text.replace(/[\s\p{Pd}().[\]]/gu, '');
  if (bare === '') return { problem: 'Please type your phone number.' };
  if (/[^+\d]/.test(bare) || bare.lastIndexOf('+') > 0) {
    return { problem: 'A phone number has digits only, after the + at its start.' };
  }
  if (!bare.startsWith('+')) {
    return { problem: 'Please start with + and your country code, like +91 or +1.' };
  }
  if (bare.length < 8) return { problem: 'This number is too short.' };
  if (bare.length > 16) return { problem: 'This number is too long.' };
  return { number: bare };
}

/** One of the numbers set aside for fiction: +1 415 555 0100 to 0199. */
export function sampleNumber(): string {
  return `+141555501${String(Math.floor(Math.random() * 100)).padStart(2, '0')}`;
}

/** A number with the spaces that its owner would write, where we know them. */
export function spaced(number: string): string {
  return number
    .replace(/^(\+1)(\d{3})(\d{3})(\d{4})$/, '$1 $2 $3 $4')
    .replace(/^(\+91)(\d{5})(\d{5})$/, '$1 $2 $3');
}
