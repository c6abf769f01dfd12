// Every address that the pages use, of the API and of themselves. Nobody else writes one.

const query = (values = {}) => {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
};
const id = encodeURIComponent;

export const api = {
  alive: "/healthz",
  catalog: "/v1/catalog",
  whoami: "/v1/whoami",
  jobs: (filters) => `/v1/jobs${query(filters)}`,
  job: (job) => `/v1/jobs/${id(job)}`,
  cancelJob: (job) => `/v1/jobs/${id(job)}/cancel`,
  retryJob: (job) => `/v1/jobs/${id(job)}/retry`,
  epochs: (job, options) => `/v1/jobs/${id(job)}/epochs${query(options)}`,
  layers: (job, options) => `/v1/jobs/${id(job)}/layers${query(options)}`,
  units: (job, options) => `/v1/jobs/${id(job)}/units${query(options)}`,
  weights: (job) => `/v1/jobs/${id(job)}/weights`,
  jobEvents: (job) => `/v1/jobs/${id(job)}/events`,
  sweeps: (filters) => `/v1/sweeps${query(filters)}`,
  sweep: (sweep) => `/v1/sweeps/${id(sweep)}`,
  cancelSweep: (sweep) => `/v1/sweeps/${id(sweep)}/cancel`,
  retrySweep: (sweep) => `/v1/sweeps/${id(sweep)}/retry`,
  sweepTable: (sweep, options) => `/v1/sweeps/${id(sweep)}/table${query(options)}`,
  sweepEvents: (sweep) => `/v1/sweeps/${id(sweep)}/events`,
  studies: (filters) => `/v1/studies${query(filters)}`,
  study: (study, options) => `/v1/studies/${id(study)}${query(options)}`,
  studyReport: (study) => `/v1/studies/${id(study)}/report`,
  cancelStudy: (study) => `/v1/studies/${id(study)}/cancel`,
  datasets: (filters) => `/v1/datasets${query(filters)}`,
  dataset: (dataset) => `/v1/datasets/${id(dataset)}`,
  datasetPreview: (dataset, options) => `/v1/datasets/${id(dataset)}/preview${query(options)}`,
  compare: (jobs, { columns, ...options }) => `/v1/compare${query({ jobs: jobs.join(","), columns: columns.join(","), ...options })}`,
};

export const serviceWorker = "/service-worker.js";

export const page = {
  jobs: (filters) => `/${query(filters)}`,
  newJob: (options) => `/jobs/new${query(options)}`,
  job: (job) => `/jobs/${id(job)}`,
  sweeps: (filters) => `/sweeps${query(filters)}`,
  sweep: (sweep, view) => `/sweeps/${id(sweep)}${query(view)}`,
  studies: (filters) => `/studies${query(filters)}`,
  study: (study) => `/studies/${id(study)}`,
  datasets: (filters) => `/datasets${query(filters)}`,
  dataset: (dataset) => `/datasets/${id(dataset)}`,
  signIn: (next) => `/signin${query({ next })}`,
  compare: (jobs) => `/compare${query({ jobs: jobs.join(",") })}`,
};

const ROUTES = [
  [/^\/$/, "jobs"],
  [/^\/jobs\/new$/, "new"],
  [/^\/jobs\/([^/]+)$/, "job"],
  [/^\/sweeps$/, "sweeps"],
  [/^\/sweeps\/([^/]+)$/, "sweep"],
  [/^\/studies$/, "studies"],
  [/^\/studies\/([^/]+)$/, "study"],
  [/^\/datasets$/, "datasets"],
  [/^\/datasets\/([^/]+)$/, "dataset"],
  [/^\/compare$/, "compare"],
  [/^\/signin$/, "signin"],
];

export const moduleOf = (name) => `/static/pages/${name}.js`;
export const pageModules = () => ROUTES.map(([, name]) => moduleOf(name));

/** The name of the page at a path, and the id in it if there is one. */
export function route(path) {
  for (const [pattern, name] of ROUTES) {
    const found = pattern.exec(path);
    if (found) return { name, id: found[1] && decodeURIComponent(found[1]) };
  }
  return { name: "missing" };
}
