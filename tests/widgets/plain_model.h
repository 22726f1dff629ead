#pragma once

#include "widgets/model/graph_model.h"

#include <QTest>

#include <vector>

namespace gradloom::test {

/// A model without a file: the canvas needs no more.
class PlainModel : public widgets::GraphModel
{
public:
    const project::Project& project() const override { return m_project; }
    const graph::Analysis& analysis() const override { return m_analysis; }
    Status edit(const graph::GraphEdit& edit, const QString& = {}) override
    {
        auto inverse = graph::apply(m_project.graph, edit);
        if (!inverse)
            return inverse.error();
        m_undo.push_back(std::move(*inverse));
        tell();
        return {};
    }
    void editProject(
        const QString&, const std::function<void(project::Project&)>& change, const QString&) override
    {
        change(m_project);
        Q_EMIT projectChanged();
    }
    /// Takes the last edit back.
    void undo()
    {
        QVERIFY(!m_undo.empty());
        QVERIFY(graph::apply(m_project.graph, m_undo.back()).ok());
        m_undo.pop_back();
        tell();
    }
    void add(const std::string& type, double x, double y, Params params = {})
    {
        QVERIFY(edit({graph::AddNode{{graph().freshId(type), type, std::move(params), {x, y}}}, {}}).ok());
    }
    void join(const std::string& from, const std::string& to, int port = 0)
    {
        QVERIFY(edit({graph::AddEdge{{from, 0, to, port}}, {}}).ok());
    }

private:
    void tell()
    {
        m_analysis = graph::analyse(m_project.graph);
        Q_EMIT graphChanged();
        Q_EMIT analysisChanged();
    }
    project::Project m_project;
    graph::Analysis m_analysis;
    std::vector<graph::GraphEdit> m_undo;
};

inline Params picture()
{
    return {{"shape", std::vector<int64_t>{28, 28, 1}}};
}

} // namespace gradloom::test
