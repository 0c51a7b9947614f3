/** Something the app tells the user about what they did. */
export interface Message {
  tone: 'info' | 'success' | 'error'
  text: string
}

/** Shows a message; null takes the last one away. */
export type ShowMessage = (message: Message | null) => void
