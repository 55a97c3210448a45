/** Its message is all that the user is told: it names what is wrong (file, address, option), and what to do. */
export class UserError extends Error {}
