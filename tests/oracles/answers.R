# Sourced by every script beside it. `says(name, call)` keeps what a call of R gives (several names: its values in their
# order), with the call itself and the versions. What the call assigns inside itself the script may use further on.
# Run a script in this folder: `Rscript services.R`; it writes `services.csv`, which the tests read.

answers <- list()

says <- function(name, call, package = NULL) {
  versions <- c(R = paste(R.version$major, R.version$minor, sep = "."))
  for (one in package) versions[one] <- as.character(packageVersion(one))
  words <- gsub("\\s+", " ", paste(deparse(substitute(call), width.cutoff = 500L), collapse = " "))
  answers[[length(answers) + 1]] <<- data.frame(
    name = c(name), value = sub("NA", "nan", vapply(as.numeric(call), format, "", digits = 12)), call = words,
    version = paste(names(versions), versions, collapse = ", "))
  invisible(call)
}

input <- function(name) read.csv(file.path("inputs", paste0(name, ".csv")))

written <- function(topic) write.csv(do.call(rbind, answers), paste0(topic, ".csv"), row.names = FALSE)
