/** Names of feeds in the tables of the service. */
export const ENROLLMENT_FEED = 'enrollment'
export const SERVICE_FEED = 'service'
