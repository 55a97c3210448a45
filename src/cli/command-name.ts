/** What the command is called in its own texts; the name of the package is one, too. */
export const COMMAND_NAME = 'cancel-trace';
