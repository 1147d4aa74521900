"""Pictures of runs and answers as SVG and HTML that open anywhere: no package is needed and nothing is fetched."""
