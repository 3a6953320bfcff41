/** Returns whether an answer with this status has a body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5). */
export const hasContent = (status: number): boolean => ![204, 205, 304].includes(status)
