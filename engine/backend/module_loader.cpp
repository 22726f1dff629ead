#include "engine/backend/module_loader.h"

#include "engine/backend/elf_file.h"

#include <cstdlib>
#include <map>
#include <mutex>

#include <dlfcn.h>

namespace gradloom::backend {

namespace {

namespace fs = std::filesystem;

constexpr const char* entryPoint = "gradloom_cuda_module";

LoadedModule refused(std::string sentence)
{
    return {nullptr, std::move(sentence)};
}

/// What to install for a library that the module needs.
std::string remedyFor(const std::string& library)
{
    if (library.starts_with("libcuda.so"))
        return "Install NVIDIA's driver.";
    if (library.starts_with("libcudnn"))
        return "Install cuDNN 9 for CUDA 13.";
    if (library.starts_with("libcu") || library.starts_with("libnv"))
        return "Install the libraries of CUDA 13.";
    return "Install it.";
}

LoadedModule unloadable(const fs::path& file, const std::string& reason)
{
    return refused(file.string() + " cannot be loaded as the CUDA module (" + reason +
                   "). Install Gradloom's CUDA module anew.");
}

/// Why the dynamic linker could not load the module. Its message begins with the file it could not open: the
/// module itself, or a library that is needed.
LoadedModule linkerProblem(const fs::path& file, const std::string& message)
{
    const std::string library = message.substr(0, message.find(": "));
    if (message.find("cannot open shared object file") != std::string::npos && library != file.string())
        return refused(
            "The CUDA module needs " + library + ", which is not installed. " + remedyFor(library));
    return unloadable(file, message);
}

LoadedModule load(const fs::path& file)
{
    if (isCutShort(file))
        return unloadable(file, "the file is cut short");
    void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char* message = dlerror();
        return linkerProblem(file, message ? message : "unknown reason");
    }
    using Entry = const CudaModule* (*)();
    const auto entry = reinterpret_cast<Entry>(dlsym(handle, entryPoint));
    const CudaModule* module = entry ? entry() : nullptr;
    std::string problem;
    if (!module)
        problem = file.string() + " is a library but no CUDA module of Gradloom: it does not offer " +
                  entryPoint + ".";
    else if (module->abi != cudaModuleAbi)
        problem = file.string() + " belongs to another version of Gradloom (its interface is " +
                  std::to_string(module->abi) + ", this program's " + std::to_string(cudaModuleAbi) +
                  "). Install program and module of the same version.";
    else if (!module->report || !module->open || !module->planner || !module->nccl || !module->connect)
        problem = file.string() + " is no complete CUDA module of Gradloom. Install the module anew.";
    if (problem.empty())
        return {module, {}};
    dlclose(handle);
    return refused(std::move(problem));
}

fs::path programFolder()
{
    std::error_code code;
    return fs::read_symlink("/proc/self/exe", code).parent_path();
}

} // namespace

LoadedModule loadModule(const fs::path& file)
{
    static std::mutex mutex;
    static std::map<fs::path, LoadedModule> known;
    const std::scoped_lock lock(mutex);
    const auto it = known.find(file);
    return it != known.end() ? it->second : known.emplace(file, load(file)).first->second;
}

LoadedModule cudaModule()
{
    std::error_code code;
    if (const char* path = std::getenv(cudaModuleVariable)) {
        if (!fs::exists(path, code))
            return refused("There is no CUDA module at \"" + std::string(path) +
                           "\", where the environment variable " + cudaModuleVariable + " says it is.");
        return loadModule(fs::absolute(path, code));
    }
    const fs::path folder = programFolder();
    for (const fs::path& place :
        {folder / cudaModuleName, folder.parent_path() / "lib" / "gradloom" / cudaModuleName})
        if (fs::exists(place, code))
            return loadModule(place);
    return refused(
        "Gradloom's CUDA module is not installed, so NVIDIA GPUs cannot be used. It is built where CUDA 13 "
        "and cuDNN 9 are found.");
}

} // namespace gradloom::backend
