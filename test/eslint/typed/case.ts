/** The place of the typed cases: what they are is in the tests. */
export {};
