/** The version of CoreDNS whose behaviour this is: dashboards, alerts and people who ask `version.bind` look at it. */
export const COMPATIBLE_VERSION = '1.14.7'
