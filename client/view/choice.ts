/** Radio buttons of which one is chosen. */
export type Choice = { value: string }

/** Controls all radio buttons within an element. Calls `onChange` when the user chooses another one. */
export function createChoice(box: HTMLElement, onChange: (value: string) => void): Choice {
  const radios = [...box.querySelectorAll<HTMLInputElement>('input[type=radio]')]
  box.addEventListener('change', () => onChange(choice.value))
  // In the forms of such buttons, Enter has nothing to send.
  if (box instanceof HTMLFormElement) box.addEventListener('submit', event => event.preventDefault())

  const choice = {
    get value() {
      return radios.find(radio => radio.checked)?.value ?? ''
    },
    set value(next) {
      for (const radio of radios) radio.checked = radio.value === next
    },
  }
  return choice
}
